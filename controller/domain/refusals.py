"""Every reason for which the centre says no to a caller, in both languages.

Law: the ``code`` is stable and is what programs compare; texts are for people and may change. A
refusal says who or what, which value, and what to do next.

    Refused                 every refusal; ``code`` is a key of ``REFUSALS``
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """HTTP status and titles of one code."""

    status: int
    zh: str
    en: str


REFUSALS: Final[dict[str, Kind]] = {
    "not_signed_in": Kind(401, "请先登录", "Sign in first"),
    "credentials_wrong": Kind(401, "账号或口令不对", "The login or the password is wrong"),
    "account_locked": Kind(429, "账号已临时锁定", "The account is locked for a while"),
    "token_invalid": Kind(401, "令牌无效或已停用", "The token is invalid or revoked"),
    "box_refused": Kind(403, "该边缘盒未登记或已停用", "The box is unknown or revoked"),
    "mac_wrong": Kind(403, "签名校验不通过", "The signature does not verify"),
    "foreign_origin": Kind(403, "请求来自其他站点", "The request comes from another site"),
    "not_permitted": Kind(403, "没有此项权限", "This role may not do that"),
    "not_found": Kind(404, "没有这一项", "There is no such thing"),
    "method_not_allowed": Kind(405, "此地址不支持该方法", "This address does not take that method"),
    "illegal_transition": Kind(409, "当前状态不允许此动作", "The action is not allowed in this state"),
    "key_reused": Kind(409, "同一个幂等键用于不同的请求", "The idempotency key was used for another request"),
    "already_exists": Kind(409, "已经存在", "It exists already"),
    "cursor_beyond_end": Kind(410, "游标超出现有记录", "The cursor is beyond the end of the feed"),
    "version_stale": Kind(412, "内容已被他人修改", "Somebody changed it in the meantime"),
    "body_too_large": Kind(413, "请求内容过大", "The request body is too large"),
    "media_type": Kind(415, "内容类型不对", "The content type is not the expected one"),
    "input_invalid": Kind(422, "请求内容有误", "The request is not valid"),
    "cursor_invalid": Kind(422, "游标无法识别", "The cursor cannot be read"),
    "target_refused": Kind(422, "推送地址不在允许名单", "The webhook target is not on the allow-list"),
    "hash_mismatch": Kind(422, "内容与哈希不符", "The content does not have that hash"),
    "version_required": Kind(428, "缺少 If-Match 版本", "If-Match with the version is required"),
    "database_busy": Kind(503, "数据库暂时不可用", "The database is not available right now"),
    "sign_in_busy": Kind(503, "登录请求过多，请稍后再试", "Too many people are signing in; try again soon"),
    "our_fault": Kind(500, "系统内部错误", "Internal error"),
}


class Refused(Exception):
    """A caller is told no. ``zh`` and ``en`` are one sentence each; empty means the title says it all."""

    def __init__(self, code: str, *, zh: str = "", en: str = "", retry_after_s: int | None = None) -> None:
        self.code = code
        self.kind = REFUSALS[code]
        self.zh = zh or self.kind.zh
        self.en = en or self.kind.en
        self.retry_after_s = retry_after_s
        super().__init__(f"{code}: {self.en}")
