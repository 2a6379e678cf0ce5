"""Bodies of requests and answers. Unknown fields are refused; answers hold no secret but a new token."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from ripguard.platform.roles import Role, Scope


def _whole(value: object) -> object:
    """A JSON number without a fraction, which 2.0 is as well; no text and no truth value."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise ValueError("expected an integer")
    return value


WHOLE = BeforeValidator(_whole)
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$", description="a name")]
# no control characters, direction marks or surrogates
Text = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[\t\n\r -~\u00a1-\u00ac\u00ae-\u024f]*[!-~][\t\n\r -~\u00a1-\u00ac\u00ae-\u024f]*$")]  # fmt: skip  # noqa: E501
Label = Annotated[str, Field(max_length=1000, description="a split or a class, as the release names it")]
Count = Annotated[int, Field(ge=1, le=1 << 40), WHOLE]
Seconds = Annotated[int, Field(ge=0, le=1 << 40, description="seconds since 1970, UTC"), WHOLE]
Life = Annotated[int, Field(ge=0, le=90 * 86_400, description="seconds; 0 for the default"), WHOLE]


Account = Annotated[str, Field(validation_alias=AliasChoices("account", "principal"), description="its id")]


class Body(BaseModel):
    """Body of a request."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Why something was refused."""

    error: str
    message: str
    hint: str


class Status(BaseModel):
    status: str


class Me(BaseModel):
    account: Account
    role: Role
    accessor: str
    scopes: list[Scope]
    dataset: str | None
    split: str | None
    label: str | None
    expires_at: int
    signer: str = Field(description="public key of the platform, in hex: it signs results and the audit log")


class HeadOut(BaseModel):
    seq: int = Field(description="number of the last record; 0 for none")
    hash: str
    time: int
    signature: str = Field(description="in hex: Ed25519")
    public: str = Field(description="in hex: the key of the signature")


class DatasetOut(BaseModel):
    id: str
    name: str
    owner: str
    listed: bool
    public_log: bool
    criteria: list[str]
    created_at: int
    closed: bool
    versions: int
    relation: str = Field(description="what it is to the caller: own, grantee, key grantee, listed or none")


class DatasetsOut(BaseModel):
    datasets: list[DatasetOut]
    next: int | None = Field(description="offset of the next page; null at the end")


class DatasetIn(Body):
    name: Name


class DatasetChange(Body):
    listed: StrictBool | None = None
    public_log: StrictBool | None = None
    criteria: Annotated[list[Text], Field(max_length=20)] | None = None


class DepositedOut(BaseModel):
    dataset: str
    version: int
    images: int
    new: bool


class TermsIn(Body):
    ends_at: Seconds
    split: Label | None = None
    label: Label | None = None
    images: Count | None = None
    delivery: Literal["pixels", "keys"] = "pixels"


class GrantIn(TermsIn):
    account: Name


class InviteIn(GrantIn):
    life: Life = 0


class GrantOut(BaseModel):
    id: str
    dataset: str
    account: Account
    split: str | None
    label: str | None
    images: int | None
    delivery: str
    ends_at: int
    used: int
    created_at: int
    revoked: bool


class GrantsOut(BaseModel):
    grants: list[GrantOut]
    next: int | None


class RequestIn(Body):
    purpose: Text
    answers: Annotated[list[Text], Field(max_length=20)] = []
    split: Label | None = None
    label: Label | None = None


class RequestOut(BaseModel):
    id: str
    dataset: str
    account: Account
    split: str | None
    label: str | None
    purpose: str
    answers: list[tuple[str, str]]
    public: bool
    created_at: int
    state: str
    decided_at: int | None
    reason: str
    granted: str


class RequestsOut(BaseModel):
    requests: list[RequestOut]
    next: int | None


class ApprovalIn(TermsIn):
    reason: Text | None = None


class RefusalIn(Body):
    reason: Text


class PublishedOut(BaseModel):
    name: str
    purpose: str
    state: str
    created_at: int
    decided_at: int | None


class PublishedListOut(BaseModel):
    requests: list[PublishedOut]
    next: int | None


class UnitKeysIn(Body):
    version: Annotated[int, Field(ge=1, le=1 << 30), WHOLE] | None = Field(None, description="null: the newest")


class UnitKeysOut(BaseModel):
    dataset: str
    version: int
    units: list[int] = Field(description="numbers of splits and classes in `release.json`")
    key_file: str = Field(description="the text of a key file for `ripguard restore --key-file`")


class EndedOut(BaseModel):
    ended: int


class JobOut(BaseModel):
    id: str
    dataset: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    error: str
    images: int = Field(description="members of the upload that have a result")
    created_at: int
    ended_at: int | None


class JobsOut(BaseModel):
    jobs: list[JobOut]
    next: int | None


class UseOut(BaseModel):
    account: Account
    name: str
    images: int
    first: int
    last: int


class UsageOut(BaseModel):
    uses: list[UseOut]
    next: int | None


class VerifiedOut(BaseModel):
    ok: bool
    records: int
    checkpoints: int
    problems: list[str]
