"""What an operator may set of the order service; the kit's settings (Kafka, database, mode, ports)
are inherited.
"""

from pydantic import Field

from sagakit.shell.settings import KitSettings, Port


class OrderSettings(KitSettings):
    """Each field is read from the environment variable of its name, in capitals."""

    http_port: Port = Field(default=8081, description="port of the API; 0: any free")
    orchestrator_url: str = Field(
        default="http://127.0.0.1:8082",
        description="the orchestrator's API: where the ends of orchestrated orders are learnt",
    )
    payment_url: str = Field(
        default="http://127.0.0.1:8083",
        description="payment's API: which of its undos are parked in choreography",
    )
    inventory_url: str = Field(
        default="http://127.0.0.1:8084", description="inventory's API, asked the same"
    )
    max_in_flight: int = Field(
        default=50_000,
        ge=1,
        description="open orders at which new ones are refused (429): no stall grows for ever",
    )
    stuck_after_seconds: float = Field(
        default=120.0, gt=0, description="silence after which an open order is called stuck"
    )
    print_timeline: bool = Field(
        default=False, description="print each choreographed saga's timeline as it grows"
    )
    canary_every_seconds: float = Field(
        default=0.0,
        ge=0,
        le=3_600,
        description="a real order in each mode so often, a heartbeat to alert on; 0: none",
    )
