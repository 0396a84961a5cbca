"""How a transfer fails, whatever it was to bring."""


class TransferError(Exception):
    """The connection or the other side did not do what it should.

    ``final``: another try cannot help. ``advice``: what to do, if that is known.
    """

    def __init__(self, text: str, *, final: bool = False, advice: str = "") -> None:
        super().__init__(text)
        self.final = final
        self.advice = advice


class SlowError(TransferError):
    """The other side takes longer than it may."""


class EncodingError(TransferError):
    """A body is not encoded as its head says."""


class TunnelError(TransferError):
    """A proxy does not let a connection through; ``status`` is what it answers to CONNECT."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class ProxyFaultError(TransferError):
    """A proxy lets nothing through before what it wants is configured."""

    def __init__(self, text: str, *, advice: str) -> None:
        super().__init__(text, final=True, advice=advice)


class DistrustError(TransferError):
    """The certificate of the other side is not one that is trusted."""

    def __init__(self, text: str, *, advice: str) -> None:
        super().__init__(f"certificate verify failed: {text}", final=True, advice=advice)


class RefusedError(TransferError):
    """The address is one that upstream may not lead to."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(
            f"{host} is {address}, an address of this machine or of a private network; an index "
            "elsewhere may not lead there",
            final=True,
        )
