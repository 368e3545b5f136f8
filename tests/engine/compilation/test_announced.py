from __future__ import annotations

import logging

import jax

from jaxcls.engine.compilation import announced


def test_the_log_says_once_what_is_compiled_and_for_how_long(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("jaxcls"), "propagate", True)
    seen = []

    def function(x):
        seen.extend(caplog.messages)  # while it is traced
        return x + 1

    call = announced(jax.jit(function), "training step")
    with caplog.at_level(logging.INFO, "jaxcls"):
        assert [int(call(number)) for number in (1, 2)] == [2, 3]
    assert seen == ["compiling the training step ..."]
    assert len(caplog.messages) == 2
    assert caplog.messages[1].startswith("training step: compiled in 0.")
