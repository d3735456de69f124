"""A pod of the command line's image in the namespace, through which the tests speak to the system.

It stands where a person's own program would: the network policies let it reach the API and, by its
labels, nothing else. What runs in it is Python with the services' libraries.
"""

import json
import textwrap
from dataclasses import dataclass
from typing import Any

from cluster.kube import Namespace

IMAGE_OF = "{.spec.jobTemplate.spec.template.spec.containers[0].image}"
ASK = """
import json, pathlib, sys, httpx
method, path, body = json.loads(sys.stdin.read())
token = pathlib.Path("/run/secrets/brewsaga/api-token").read_text().strip()
answer = httpx.request(
    method, "http://{release}-order" + path, json=body, timeout=20, trust_env=False,
    headers={{"Authorization": f"Bearer {{token}}", "Idempotency-Key": path}},
)
print(json.dumps([answer.status_code, answer.json()]))
"""


@dataclass(frozen=True)
class Client:
    """The pod, made by `start_client`."""

    space: Namespace
    pod: str

    def python(self, source: str, stdin: str = "", seconds: float = 60.0) -> str:
        """Run a program in it; what it printed."""
        program = ("exec", "-i", self.pod, "--", "python", "-c", textwrap.dedent(source))
        return self.space.kubectl(*program, stdin=stdin, seconds=seconds)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A request to order's API with the token: status and answer."""
        source = ASK.format(release=self.space.release)
        status, answer = json.loads(self.python(source, json.dumps([method, path, body])))
        return status, answer

    def brewsaga(self, *arguments: str, seconds: float = 120.0) -> str:
        """The command line in it, with token and address."""
        place = f"http://{self.space.release}-order"
        settings = (f"ORDER_URL={place}", "API_TOKEN_FILE=/run/secrets/brewsaga/api-token")
        program = ("exec", self.pod, "--", "env", *settings, "python", "/app/services")
        return self.space.kubectl(*program, *arguments, seconds=seconds)


def start_client(
    space: Namespace, name: str, labels: dict[str, str], secrets: dict[str, dict[str, str]]
) -> Client:
    """Start the pod. `secrets` is by Secret: file name by key, all in one folder."""
    image = space.kubectl("get", "cronjob", f"{space.release}-audit", "-o", f"jsonpath={IMAGE_OF}")
    sources = [
        {"secret": {"name": one, "items": [{"key": k, "path": p} for k, p in items.items()]}}
        for one, items in secrets.items()
    ]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "client",
                    "image": image,
                    "command": ["python", "-c", "import signal; signal.pause()"],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [{"name": "secrets", "mountPath": "/run/secrets/brewsaga"}],
                }
            ],
            "volumes": [{"name": "secrets", "projected": {"sources": sources}}],
        },
    }
    space.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    space.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
    return Client(space, name)
