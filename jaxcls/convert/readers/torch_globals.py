"""What the pickles of PyTorch's checkpoints may name: tensors, containers, NumPy's arrays, dtypes and storages."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxcls.convert.readers.tensor import DTYPES, Storage, Tensor
from jaxcls.convert.readers.unpickle import Global, mapping, scalars
from jaxcls.errors import UserError

STORAGES = {
    **{"Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Bool": "bool"},
    **{"Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8"},
    **{"ComplexFloat": "complex64", "ComplexDouble": "complex128"},
}
_UNTYPED = np.dtype("V1")  # bytes whose type each tensor tells


def storage_dtype(kind: Any) -> np.dtype:
    """The dtype of a storage class, `torch.FloatStorage` and its like.

    Raises:
        UserError: it is none of these.
    """
    if not isinstance(kind, Global) or not kind.name.endswith("Storage"):
        raise UserError(f"its pickle has a storage of type {getattr(kind, 'name', kind)!r}")
    return kind.value


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage) or storage.dtype == _UNTYPED:
        raise UserError("its pickle has a tensor without a storage of numbers")
    return Tensor(storage, size, stride, offset)


def _tensor_of_dtype(
    storage: Any, offset: int, size: Any, stride: Any, grad: bool, hooks: Any, dtype: Global, *_: Any
) -> Tensor:
    """As PyTorch writes what has no storage class: the storage counts bytes."""
    if not isinstance(storage, Storage) or not isinstance(dtype.value, np.dtype):
        raise UserError("its pickle has a tensor without a storage of numbers")
    typed = Storage(storage.blob, dtype.value, storage.count // dtype.value.itemsize)
    return Tensor(typed, size, stride, offset)


def _subclass(function: Global, kind: Any, arguments: tuple[Any, ...], state: Any) -> Any:
    if not callable(function.value):
        raise UserError(f"its pickle calls {function.name!r}, which is not called here")
    return function.value(*arguments)


def _dtype(name: str, *_: Any) -> np.dtype:
    dtype = np.dtype(str(name))
    if dtype.kind not in "biufc?SU" or dtype.byteorder == ">":
        raise UserError(f"its pickle has an array of dtype {dtype}")
    return dtype


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise UserError(f"its pickle has a text in {encoding!r}")
    return text.encode(encoding)


def _scalar(dtype: np.dtype, value: bytes) -> Any:
    return np.frombuffer(value, dtype)[0]


def _from_buffer(values: bytes, dtype: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    return np.frombuffer(values, dtype).reshape(shape, order="F" if order == "F" else "C")


def _under(modules: tuple[str, ...], functions: dict[str, Any]) -> dict[str, Any]:
    return {f"{module}.{name}": value for module in modules for name, value in functions.items()}


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _empty_array(*_: Any) -> np.ndarray:
    return np.empty(0, np.int8)


def _factory(*_: Any) -> dict[Any, Any]:
    return {}  # a defaultdict; what makes its defaults is not kept


# None: a class that stands among the arguments of others, and is never called
ALLOWED: dict[str, Any] = {
    "collections.OrderedDict": mapping,
    "collections.Counter": mapping,
    "collections.defaultdict": _factory,
    **_under(("builtins", "__builtin__"), {"set": scalars, "dict": None, "list": None, "int": None, "float": None}),
    "_codecs.encode": _encode,
    "numpy.dtype": _dtype,
    "numpy.ndarray": None,
    **_under(
        ("numpy.core.multiarray", "numpy._core.multiarray"),
        {"scalar": _scalar, "_reconstruct": _empty_array},
    ),
    "numpy._core.numeric._frombuffer": _from_buffer,
    **{f"torch.{name}Storage": DTYPES[dtype] for name, dtype in STORAGES.items()},
    "torch.storage.UntypedStorage": _UNTYPED,
    **{f"torch.{name}": dtype for name, dtype in DTYPES.items()},
    "torch.Size": tuple,
    "torch.device": lambda *place: ":".join(map(str, place)),
    "torch.Tensor": None,
    "torch.nn.parameter.Parameter": None,
    **_under(
        ("torch._utils",),
        {
            "_rebuild_tensor": _tensor,
            "_rebuild_tensor_v2": _tensor,
            "_rebuild_tensor_v3": _tensor_of_dtype,
            "_rebuild_parameter": _parameter,
            "_rebuild_parameter_with_state": _parameter,
        },
    ),
    "torch._tensor._rebuild_from_type_v2": _subclass,
}
