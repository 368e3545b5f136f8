"""HRNet: timm and the paper's code, the same names; their convolutions before the classifier have biases."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import MEAN_AND_BIAS
from jaxcls.convert.renaming import As, Rows, Table


def _with_bias(source: str, target: str) -> Rows:
    """A convolution and its norm, which takes up the bias."""
    return {
        (f"{source}.1.running_mean", f"{source}.0.bias"): As(f"{target}.bn.running_mean", MEAN_AND_BIAS),
        f"{source}.0": f"{target}.conv",
        f"{source}.1": f"{target}.bn",
    }


TABLES = (
    Table(
        ("timm", "the paper's code"),
        {
            "incre_modules": "neck.0.increase_layers",
            **_with_bias("downsamp_modules.{i}", "neck.0.downsample_layers.{i}"),
            **_with_bias("final_layer", "neck.0.final_layer"),
            "classifier": "head.fc",
            "": "backbone",
        },
        built=norms(1e-5),
    ),
)
