// The log of system calls, the answers that the reader can give, and the source of the step.

import { h, find, redraw } from "page/dom";
import { make, state } from "page/run";

export function drawCalls(view) {
  const list = find("calls").querySelector("ol");
  const lines = view.log.map((e, i) => h("li", {
    class: [e.answered && "answered", view.log[i - 1] && view.log[i - 1].turn !== e.turn && "turned"].filter(Boolean).join(" ") || false,
  }, e.text, e.answered && h("em", {}, " your answer")));
  const hidden = state.mode === "quiz" && !state.answered;
  if (view.pending && !hidden) lines.push(h("li", { class: "pending", "aria-current": "step" }, "▶ " + view.pending));
  if (view.asleep && !hidden) lines.push(h("li", { class: "pending" }, view.stuck ? "… the loop sleeps in this wait" : "… the wait is about to return"));
  list.replaceChildren(...lines);
  drawAnswers(view, hidden);
}

const why = {
  EAGAIN: "nothing now: try later", EINTR: "a signal came first", ECONNRESET: "the client has reset the connection",
  EPIPE: "the connection is closed", EMFILE: "no descriptor is left", ECONNABORTED: "the client has gone already", ENOMEM: "the kernel has no memory",
};

function drawAnswers(view, hidden) {
  const box = find("answers");
  if (state.compared || hidden || !view.answers.length || view.broken) return redraw(box);
  const controls = view.answers.map((answer) => {
    const [kind, value] = answer.split(":");
    if (kind === "short") return field(kind, value, "number", `short by: only n of ${Number(value) + 1} bytes`, "bytes only");
    if (kind === "order") return field(kind, value, "text", "order of the batch", "Return in this order");
    return h("button", { "data-key": kind, title: why[kind], "aria-label": `Answer ${kind}: ${why[kind]}`, click: () => make("!" + kind) }, kind);
  });
  redraw(box, h("span", {}, "Answer it yourself: "), controls);
}

function field(kind, value, type, label, action) {
  const number = type === "number";
  const input = h("input", {
    type, "data-key": kind, "aria-label": label, value: number ? Math.min(3, value) : value, min: 1, max: number ? value : null,
  });
  const give = () => make(`!${kind}:${input.value.trim()}`);
  input.addEventListener("keydown", (event) => event.key === "Enter" && give());
  return h("span", { class: "answer" }, input, h("button", { "data-key": kind + "-give", click: give }, action));
}

// sourceOf is a file as it was compiled: in a level, with the level's edits.
function sourceOf(file) {
  let text = state.sources[file] ?? "";
  if (state.mode === "level" && !state.compared) {
    for (const edit of state.levels[state.number - 1].edits) {
      if (edit.file === file) text = text.replace(edit.old, () => edit.new);
    }
  }
  return text.replaceAll("\t", "    ").split("\n");
}

const around = 6; // lines before and after

export function drawSource(view) {
  const box = find("source").lastElementChild;
  if (!view.stack.length || (state.mode === "quiz" && !state.answered)) {
    return redraw(box, h("p", { class: "dim" }, view.stack.length ? "The source is shown with the answer." : "The loop is not running."));
  }
  const [{ file, line }] = view.stack;
  const lines = sourceOf(file);
  const first = Math.max(1, line - around);
  redraw(box,
    h("p", { class: "path" }, view.stack.map((f) => f.func.replace("Loop.", "")).reverse().join(" → "), " ", h("b", {}, `${file}:${line}`)),
    h("pre", { tabindex: "0", "aria-label": "Source lines" }, lines.slice(first - 1, line + around).map((text, i) =>
      h("span", { "aria-current": first + i === line ? "step" : false }, `${String(first + i).padStart(4)}  ${text}\n`))));
  box.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}
