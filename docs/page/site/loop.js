// The loop: which step of the turn, and what it holds of each active connection. None of this can be
// seen from outside: it comes from poller/snapshot.go.

import { h, find, redraw, visible } from "page/dom";

export const steps = ["wait", "read", "write", "end of turn"];

// stepOf says in which step of the turn the loop is, from the functions that it is in.
export function stepOf(view) {
  if (view.asleep || view.call === "wait") return "wait";
  const functions = view.stack.map((f) => f.func);
  if (functions.includes("Loop.endTurn")) return "end of turn";
  if (functions.includes("Loop.write")) return "write";
  return functions.length ? "read" : "";
}

export function drawLoop(view) {
  const now = stepOf(view);
  const where = view.ended || (view.asleep ? sleeping(view) : `turn ${view.turns}`);
  redraw(find("loop").lastElementChild,
    h("ol", { class: "turn", "aria-label": "Steps of the turn" },
      steps.map((s) => h("li", { "aria-current": s === now ? "step" : false }, s))),
    h("p", { class: "facts" }, h("b", {}, where), " ",
      view.loop.sent > 0 && h("span", { class: "chip good" }, `${view.loop.sent} receipts complete: sent`),
      view.loop.lost > 0 && h("span", { class: "chip bad" }, `${view.loop.lost} receipts complete: lost`)),
    view.loop.conns.length ? view.loop.conns.map(connection)
      : h("p", { class: "dim" }, "No active connection: an idle client costs the loop 16 bytes."));
}

function sleeping(view) {
  if (!view.stuck) return "asleep, and something has happened";
  if (view.until < 0) return "asleep, without a timeout";
  return `asleep until ${Math.round(view.until)} ms`;
}

function connection(c) {
  const flags = [
    c.active && "active", c.write && "pending write", c.blocked && "write blocked", c.throttled && "throttled", c.resumed && "lines left",
  ].filter(Boolean);
  return h("div", { class: "conn" },
    h("div", { class: "title" }, h("b", {}, `${c.fd}.${c.generation} ${c.name}`), " ",
      h("span", { class: "chip" + (c.phase === "open" ? "" : " bad") }, c.phase), " ",
      c.loggedIn ? null : h("span", { class: "chip" }, "not logged in"),
      flags.map((f) => [" ", h("span", { class: "chip good" }, f)]).flat()),
    h("div", { class: "buffers" }, field("line buffer", c.lines, null, "half"),
      field("pending replies", c.pending.map((p) => visible(p) || "?").join(" "), null, "half")),
    field("out queue", c.queue, receipts(c)));
}

function field(name, text, more, half) {
  const shown = text.length > 300 ? text.slice(0, 300) + "…" : text;
  return h("div", { class: `buffer ${text.length > 12 ? "" : half ?? ""}` }, h("span", { class: "name" }, name), h("code", {}, more ?? (visible(shown) || " ")),
    !half && text.length > 0 && h("span", { class: "count" }, text.length));
}

// receipts is the out queue with a mark where each frame with a receipt ends.
function receipts(c) {
  if (!c.receipts.length) return null;
  const parts = [];
  let from = 0;
  for (const { end, owner } of c.receipts) {
    const text = visible(c.queue.slice(from, end));
    parts.push(text.length > 60 ? text.slice(0, 30) + "…" + text.slice(-8) : text,
      h("mark", { title: `receipt: the reply to ${owner} waits for this byte` }, `↩${owner}`));
    from = end;
  }
  parts.push(visible(c.queue.slice(from)));
  return parts;
}
