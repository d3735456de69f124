// What the page does beside being read: it stays live, places orders, and asks for their end.
// The server draws; this only puts what it drew into its place. It must not know what is drawn.

const TOKEN = "brewsaga-token";

// ---------------------------------------------------------------- live

// Replaces the parts that changed and leaves the others, and the focus, where they are.
function show(into, html) {
  const drawn = document.createElement("template");
  drawn.innerHTML = html;
  const held = document.activeElement;
  const key = held && into.contains(held) && (held.id || held.getAttribute("href") || held.getAttribute("aria-label"));
  const place = (one, index) => one.id || `#${index}`;
  const before = new Map([...into.children].map((one, index) => [place(one, index), one]));
  [...drawn.content.children].forEach((one, index) => {
    const known = before.get(place(one, index));
    before.delete(place(one, index));
    if (known === undefined) {
      into.insertBefore(one, into.children[index] ?? null);
    } else if (known.outerHTML !== one.outerHTML) {
      const scrolled = [...known.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
      known.replaceWith(one);
      one.querySelectorAll(".scroll").forEach((box, at) => { box.scrollLeft = scrolled[at] ?? 0; });
    }
  });
  before.forEach((one) => one.remove());
  if (key && !document.contains(held)) {
    const same = [...into.querySelectorAll("[id], a, [tabindex]")];
    same.find((one) => [one.id, one.getAttribute("href"), one.getAttribute("aria-label")].includes(key))?.focus({ preventScroll: true });
  }
}

function stayLive(into) {
  const liveness = document.getElementById("liveness");
  const say = (text, on) => { liveness.textContent = text; liveness.classList.toggle("on", on); };
  let source = null;
  let ended = false;
  const open = () => {
    if (source || ended || document.hidden) return;
    source = new EventSource(into.dataset.live);
    source.onopen = () => say("live", true);
    source.onerror = () => {
      say(source.readyState === EventSource.CLOSED ? "not live: reload the page" : "reconnecting …", false);
    };
    source.addEventListener("sight", (event) => show(into, event.data));
    source.addEventListener("last", (event) => {
      show(into, event.data);
      ended = true;
      close();
      say(into.querySelector(".chip")?.textContent.trim() ?? "", false);
    });
  };
  const close = () => { source?.close(); source = null; };
  // A page that nobody looks at costs nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { close(); } else { open(); }
  });
  addEventListener("pagehide", close);
  open();
}

// ---------------------------------------------------------------- what the buttons ask of the API

// Its own, because the browser has randomUUID only where the page came over TLS or from this machine.
function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(address, body, token) {
  const headers = { "Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": freshKey() };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail ?? answer.statusText);
  return told;
}

async function place(form, faults) {
  const given = new FormData(form);
  const token = given.get("token") ?? "";
  if (token) sessionStorage.setItem(TOKEN, token);
  const order = {
    drink: given.get("drink"),
    quantity: Number(given.get("quantity")),
    customer_id: given.get("customer_id"),
    faults,
  };
  const modes = given.get("mode") === "both" ? ["choreo", "orch"] : [given.get("mode")];
  const placed = await Promise.all(modes.map((mode) => ask("/sagas", { ...order, mode }, token)));
  const ids = placed.map((one) => encodeURIComponent(one.saga_id));
  location.assign(ids.length === 2 ? `/compare?choreo=${ids[0]}&orch=${ids[1]}` : `/sagas/${ids[0]}`);
}

function whilePressed(buttons, answer, work) {
  answer.textContent = "";
  buttons.forEach((button) => { button.disabled = true; });
  return work()
    .catch((error) => { answer.textContent = `Not done: ${error.message}`; })
    .finally(() => buttons.forEach((button) => { button.disabled = false; }));
}

for (const form of document.querySelectorAll("form[data-place]")) {
  if (form.elements.token) form.elements.token.value = sessionStorage.getItem(TOKEN) ?? "";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const faults = event.submitter?.value ?? "";
    whilePressed([...form.querySelectorAll("button")], form.querySelector(".answer"), () => place(form, faults));
  });
}

for (const form of document.querySelectorAll("form[data-find]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.assign(`/sagas/${encodeURIComponent(new FormData(form).get("saga_id").trim())}`);
  });
}

// Buttons that are drawn anew while they are looked at are heard where they end up.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (!button || !confirm(button.dataset.sure)) return;
  const section = button.closest("section");
  whilePressed([button], section.querySelector(".answer"), () => ask(button.dataset.post, {}, sessionStorage.getItem(TOKEN)));
});

for (const into of document.querySelectorAll("[data-live]")) stayLive(into);
