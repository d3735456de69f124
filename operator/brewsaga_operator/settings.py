"""What the operator is told from outside. Read once, by `__main__`."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from brewsaga_operator.experiment import Rails
from brewsaga_operator.resources import Service


class OperatorSettings(BaseSettings):
    """Each field is read from the environment variable of its name, in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    order_url: str = Field(default="http://127.0.0.1:8081", description="the order service's API")
    audit_url: str = Field(
        default="", description="the auditor's API (`brewsaga audit --serve`); empty: there is none"
    )
    prometheus_url: str = Field(default="", description="for PromQL probes; empty: there is none")
    watch_namespaces: list[str] = Field(
        default=[], description='as JSON, ["one", "two"]; empty: every namespace'
    )
    api_token_file: str | None = Field(
        default=None, description="file with the token of the services' APIs"
    )

    chaos_enabled: bool = Field(default=False, description="whether experiments are run at all")
    broker_kill_allowed: bool = Field(
        default=False, description="whether a Kafka pod may be killed"
    )
    database_kill_allowed: bool = Field(
        default=False, description="whether a Postgres pod may be killed"
    )
    target_namespace: str = Field(
        default="", description="where the services' pods are; empty: the experiment's namespace"
    )
    broker_selector: str = Field(
        default="strimzi.io/kind=Kafka,strimzi.io/broker-role=true",
        description="labels of Kafka's pods",
    )
    database_selector: str = Field(
        default="app.kubernetes.io/component=database", description="labels of Postgres' pods"
    )
    fault_port: int = Field(
        default=8080, ge=1, le=65_535, description="port of a pod's API with /faults"
    )
    service_urls: dict[Service, list[str]] = Field(
        default={},
        description="as JSON: services outside of Kubernetes; they go before pods",
    )

    metrics_port: int = Field(default=0, ge=0, le=65_535, description="health and metrics; 0: any")
    http_host: str = Field(default="127.0.0.1", description="where they listen; 0.0.0.0 in a pod")
    log_format: Literal["json", "text"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    crash_at: str = Field(default="", description="for tests alone: die at this crash point")

    def rails(self) -> Rails:
        """What is allowed, in the words of the experiments."""
        return Rails(self.chaos_enabled, self.broker_kill_allowed, self.database_kill_allowed)
