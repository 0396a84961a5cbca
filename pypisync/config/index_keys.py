"""The keys that say how indexes are asked, and which indexes there are besides the endpoint."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pypisync.core import values

Text = Annotated[str, Field(min_length=1)]
_AUTHORITIES = "a file of certificate authorities (PEM), relative to the folder of this file"
Projects = list[Annotated[str, AfterValidator(values.projects)]]


class Keys(BaseModel):
    """An object of the file: its keys, and no others."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        model_title_generator=lambda keys: keys.__name__.removesuffix("Keys"),
    )


class Access(Keys):
    """How an index knows us, and we know it."""

    credentials_file: Text | None = Field(
        default=None,
        description='null or a file with one line, "user:password" or a bearer token, relative to '
        "the folder of this file",
    )
    ca_file: Text | None = Field(
        default=None,
        description=f"null (as `upstream` has it) or {_AUTHORITIES}",
    )
    client_cert: Text | None = Field(
        default=None,
        description="null or a file with the certificate to show to the index (PEM), relative to "
        "the folder of this file",
    )
    client_key: Text | None = Field(
        default=None,
        description="null (it is in client_cert) or a file with the key of client_cert (PEM), "
        "relative to the folder of this file",
    )

    @model_validator(mode="after")
    def _has_a_certificate_for_its_key(self) -> Self:
        if self.client_key is not None and self.client_cert is None:
            raise ValueError('must have the "client_cert" that its "client_key" is for')
        return self


class UpstreamKeys(Access):
    """How upstream is asked; the files are for the endpoint, ``ca_file`` for every index."""

    ca_file: Text | None = Field(
        default=None,
        description="null (as the environment says, else the usual public authorities) "
        f"or {_AUTHORITIES}",
    )
    workers: int = Field(default=10, ge=1, le=64, description="1 to 64 requests at a time")
    timeout: float = Field(
        default=30.0,
        gt=0,
        description="seconds above 0 that upstream may stay silent before a retry",
    )
    retries: int = Field(default=4, ge=0, le=10, description="0 to 10 further tries of a request")
    proxy: Annotated[str, AfterValidator(values.proxy_address)] | None = Field(
        default=None,
        description="null (as the system says) or the address of a proxy: http, https, socks5h "
        "(which looks names up) or socks5 (names are looked up here)",
    )
    contact: str | None = Field(
        default=None,
        pattern=r"^[!-~]([ -~]{0,198}[!-~])?$",
        description="null or an address in ASCII by which upstream can reach you; sent along "
        "with every request",
    )
    feed: Literal["changelog", "serials", "polling"] | None = Field(
        default=None,
        description='null (the best that works) or how the endpoint tells its changes: "changelog" '
        '(XML-RPC), "serials" (in its list of all projects) or "polling" (each project is asked '
        "once in the time between two syncs)",
    )
    pace: float = Field(
        default=1.0, ge=0, description="seconds, at least 0, between two requests for the changelog"
    )


class IndexKeys(Access):
    """An index besides the endpoint."""

    name: Annotated[str, AfterValidator(values.index_name)] = Field(
        description='a short name such as "company", by which it is shown'
    )
    address: Annotated[str, AfterValidator(values.address)] | None = Field(
        default=None,
        description="null or the address of its root, to which only the names of projects are "
        'appended, such as "https://index.example/simple/"',
    )
    folder: Text | None = Field(
        default=None,
        description="null or a folder of wheels and sdists, relative to the folder of this file",
    )
    projects: Projects | None = Field(
        default=None,
        description="null (whatever no index before it has) or a list of projects such as "
        '"torch" or "acme-*" that come from this index and from no other, and are all that does',
    )

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.address is None) == (self.folder is None):
            raise ValueError('must have an "address" or a "folder", and not both')
        if self.folder is not None:
            for key in Access.model_fields:
                if getattr(self, key) is not None:
                    raise ValueError(f'must not have "{key}": a folder is not asked over a network')
        return self
