// The kernel: what it keeps of each descriptor, the ready list, and what a wait costs.

import { h, find, redraw, visible } from "page/dom";

export function drawKernel(view) {
  const { kernel } = view;
  const rows = kernel.sockets.filter((s) => s.connection).map((s) => socket(s, view));
  redraw(find("kernel").lastElementChild,
    h("p", { class: "facts" }, internals(view)),
    h("p", { class: "facts" },
      fact("backlog", kernel.backlog.join(", ") || "empty"),
      fact(view.method === "epoll" ? "ready list" : "ready, if asked", kernel.ready.join(" → ") || "empty")),
    cost(view),
    rows.length ? rows : h("p", { class: "dim" }, "No connection. Connect a client."),
    view.idle > 0 && h("p", { class: "dim" }, `and ${view.idle.toLocaleString("en")} idle clients, which say nothing`));
}

const fact = (name, value) => [h("span", { class: "fact" }, h("span", { class: "name" }, name), h("b", {}, value)), " "];

const purposes = { listener: "new clients come here", wake: "signals come here", reserve: "given up when no descriptor is left" };

// internals are the descriptors that are not a connection's.
function internals(view) {
  return view.kernel.sockets.filter((s) => !s.connection).map((s) =>
    h("span", { class: "chip", title: purposes[s.name] },
      `${s.fd} ${s.name}`, s.registered ? ` · ${waits(s)}` : "")).flatMap((chip) => [chip, " "])
    .concat(view.full ? h("span", { class: "chip bad" }, "descriptor table full") : []);
}

const waits = (s) => (s.interest === "0" ? "not waited for" : s.interest);

// cost is what the waits have looked at.
function cost(view) {
  const { kernel, method } = view;
  const told = { epoll: "told nothing", poll: "told the array", select: "told two sets" }[method];
  const number = (n) => n.toLocaleString("en");
  return h("p", { class: "facts cost" }, fact(method === "epoll" ? "epoll_wait" : method, told),
    fact("looked at: kernel", number(kernel.lastKernel)), fact("loop", number(kernel.lastLoop)), fact("in all", h("span", { id: "examined" }, number(kernel.allKernel + kernel.allLoop))));
}

function socket(s, view) {
  return h("div", { class: "socket" + (s.due ? " ready" : "") },
    h("div", { class: "title" }, h("b", {}, `${s.fd} ${s.name}`), " ",
      h("span", { class: "chip" }, "waits for ", h("b", {}, s.interest === "0" ? "nothing" : s.interest)), " ",
      h("span", { class: "chip" + (s.due ? " good" : "") }, "holds ", h("b", {}, s.holds === "0" ? "nothing" : s.holds)),
      s.eof && flag("end of input"), s.shut && flag("shut"), s.broken && flag("failed")),
    h("div", { class: "buffers" }, buffer("receive", s.received, s.receiveSize), buffer("send", s.sending, s.sendSize)),
    s.arrived && buffer("at the client, unread", s.arrived, 48));
}

const flag = (text) => [" ", h("span", { class: "chip bad" }, text)];

const brief = 12; // characters: two such texts stand beside each other

function buffer(name, text, size) {
  const percent = Math.min(100, Math.round((100 * text.length) / size));
  return h("div", { class: "buffer" + (text.length > brief ? "" : " half") }, h("span", { class: "name" }, name),
    h("code", { style: `--full: ${percent}%` }, visible(text) || " "),
    h("span", { class: "count" }, `${text.length}/${size}`));
}
