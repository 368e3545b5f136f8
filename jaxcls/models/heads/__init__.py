"""Heads, by kind of task."""

from jaxcls.models.heads.cls_head import ClsHead, LinearClsHead
from jaxcls.models.heads.conformer_head import ConformerHead
from jaxcls.models.heads.csra_head import CSRAClsHead
from jaxcls.models.heads.efficientformer_head import EfficientFormerClsHead
from jaxcls.models.heads.levit_head import LeViTClsHead
from jaxcls.models.heads.multi_label_head import MultiLabelClsHead, MultiLabelLinearClsHead
from jaxcls.models.heads.stacked_head import StackedLinearClsHead
from jaxcls.models.heads.vision_transformer_head import DeiTClsHead, VisionTransformerClsHead

__all__ = [
    "CSRAClsHead",
    "ClsHead",
    "ConformerHead",
    "DeiTClsHead",
    "EfficientFormerClsHead",
    "LeViTClsHead",
    "LinearClsHead",
    "MultiLabelClsHead",
    "MultiLabelLinearClsHead",
    "StackedLinearClsHead",
    "VisionTransformerClsHead",
]
