// The clients: small terminals. Their elements stay, so that what is typed and the focus stay too.

import { h, find, message } from "page/dom";
import { make } from "page/run";

const cards = new Map();
const mostBytes = 2000;

export function drawClients(view) {
  const section = find("clients");
  let button = find("connect");
  if (!button) {
    button = h("button", { id: "connect", click: () => connect() }, "Connect a client ", h("kbd", {}, "c"));
    section.append(h("div", { id: "cards" }), button);
  }
  const cardsBox = find("cards");
  for (const [letter, card] of cards) {
    if (view.clients.some((c) => c.letter === letter)) continue;
    card.element.remove();
    cards.delete(letter);
  }
  for (const client of view.clients) {
    if (!cards.has(client.letter)) {
      cards.set(client.letter, makeCard(client.letter));
      cardsBox.append(cards.get(client.letter).element);
    }
    update(cards.get(client.letter), client);
  }
}

export function connect() {
  if (make("+")) cards.get([...cards.keys()].at(-1)).input.focus({ preventScroll: false });
}

// focusClient puts the cursor into the terminal of client n, from 0.
export function focusClient(n) {
  [...cards.values()][n]?.input.focus();
}

function makeCard(letter) {
  const input = h("input", {
    type: "text", "aria-label": `Client ${letter}: line to send`, autocomplete: "off", spellcheck: "false",
    placeholder: "type a line, press Enter",
    keydown: (event) => {
      if (event.key === "Enter") send(letter, input, ":");
    },
  });
  const button = (text, label, click) => h("button", { click, title: label, "aria-label": `Client ${letter}: ${label}` }, text);
  const stop = button("stop reading", "stop reading", () => make(`${letter}=`));
  const buttons = [
    button("no ⏎", "send without line end", () => send(letter, input, "_")),
    button("×40", "send 40 times", () => send(letter, input, ":", 40)),
    stop,
    button("half-close", "half-close", () => make(`${letter}|`)),
    button("reset", "reset the connection", () => make(`${letter}!`)),
    button("vanish", "vanish", () => make(`${letter}?`)),
  ];
  const screen = h("pre", { tabindex: "0", "aria-label": `Client ${letter}: screen` });
  const title = h("h3");
  const element = h("article", { class: "client", "data-client": letter, "aria-label": `Client ${letter}` },
    title, screen, input, h("div", { class: "buttons" }, buttons));
  return { element, title, screen, input, stop, buttons };
}

// send types the text of the input. If it is refused, it stays there.
function send(letter, input, verb, times = 1) {
  const text = Array(times).fill(input.value).join("\n");
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > mostBytes) {
    message(`This is ${bytes.toLocaleString("en")} bytes. The page sends at most 2,000 at once, because a whole run has to ` +
      "fit into an address. Nothing was sent; the text is still there.");
    return;
  }
  if (verb === "_" && text === "") {
    message("Type something first: there is nothing to send.");
    return;
  }
  if (make(`${letter}${verb}${text}`)) input.value = "";
}

function update(card, client) {
  const where = client.gone ? "gone" : client.fd >= 0 ? `descriptor ${client.fd}` : client.finished ? "closed" : "in the backlog";
  card.title.textContent = `${client.letter} · ${where}`;
  card.element.classList.toggle("gone", client.gone);
  card.stop.textContent = client.stopped ? "read again" : "stop reading";
  card.stop.setAttribute("aria-label", `Client ${client.letter}: ${card.stop.textContent}`);
  card.input.disabled = client.gone || client.halfClosed;
  for (const button of card.buttons) button.disabled = client.gone;
  const lines = client.screen.map((line) => line || " ");
  if (client.unsent) lines.push(`* ${client.unsent.length} bytes wait: the server's receive buffer is full`);
  const text = lines.join("\n");
  if (card.screen.textContent === text) return;
  card.screen.replaceChildren(...lines.map((line) => {
    const kind = { ">": "typed", "<": "received" }[line[0]] ?? "noted";
    return h("span", { class: kind }, line + "\n");
  }));
  card.screen.scrollTop = card.screen.scrollHeight;
}
