"""Checkpoints of other frameworks to Flax variables and back."""

from jaxcls.convert.state_dict import convert_state_dict, export_state_dict

__all__ = ["convert_state_dict", "export_state_dict"]
