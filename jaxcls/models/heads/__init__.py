"""Heads, by kind of task."""

from jaxcls.models.heads.cls_head import ClsHead, LinearClsHead
from jaxcls.models.heads.multi_label_head import MultiLabelClsHead, MultiLabelLinearClsHead

__all__ = ["ClsHead", "LinearClsHead", "MultiLabelClsHead", "MultiLabelLinearClsHead"]
