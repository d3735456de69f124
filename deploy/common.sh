# shellcheck shell=bash
# What the scripts of this folder share: their settings, and a way to say what is done and what to do when it fails.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname "$here")"
# shellcheck source=deploy/versions.env
. "$here/versions.env"

cluster_name="${KIND_CLUSTER:-brewsaga}"
namespace="${NAMESPACE:-brewsaga}"
version="$(sed -n 's/^appVersion: *//p' "$root/helm/brewsaga/Chart.yaml" | tr -d '"')"
# The operator's image stands last: the services are there sooner.
images=(payment inventory shipment order orchestrator brewsaga)
if [ -d "$root/operator/brewsaga_operator" ]; then images+=(operator); fi

say() { printf '==> %s\n' "$*"; }
fail() { # WHAT NEXT
  printf 'error: %s\nnext: %s\n' "$1" "$2" >&2
  exit 1
}
need() { # PROGRAM WHERE
  command -v "$1" >/dev/null || fail "$1 is not on PATH" "install it ($2)"
}
attempt() { # WHAT NEXT COMMAND…: say it, do it, and on failure say what to do
  local what="$1" next="$2"
  shift 2
  say "$what"
  "$@" || fail "$what: $1 ended with code $?" "$next"
}
need_cluster() {
  need kubectl https://kubernetes.io/docs/tasks/tools
  kubectl version >/dev/null 2>&1 || fail "no Kubernetes answers" "make kind-up, or set KUBECONFIG to a cluster that is there"
}
