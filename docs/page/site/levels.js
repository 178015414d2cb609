// The levels: the loop without one of its defences. The player shows what comes of it.

import { h, message } from "page/dom";
import { state, show, compare, endComparison, storedList, store, changed } from "page/run";

const hints = {}; // by level: how many are shown

const won = () => new Set(storedList("chatd.won", []));

function win(number) {
  const all = won();
  if (all.has(number)) return;
  store("chatd.won", JSON.stringify([...all.add(number)]));
}

const open = (number) => () => show({ mode: "level", number, moves: [], method: "epoll", idle: 0 }).catch((e) => message(e.message));

export function drawLevel(view) {
  const number = state.number;
  const level = state.levels[number - 1];
  if (view.broken && !state.compared) win(number);
  const done = won();
  const shown = hints[number] ?? 0;
  const list = h("div", { class: "numbers", role: "group", "aria-label": "Levels" }, state.levels.map((l, i) => h("button", {
    "data-key": "level-" + (i + 1), "aria-current": i + 1 === number ? "page" : false, title: l.name, click: open(i + 1),
    "aria-label": `Level ${i + 1}: ${l.name}${done.has(i + 1) ? ", won" : ""}`,
  }, done.has(i + 1) ? `${i + 1}✓` : i + 1)));
  return [list, h("h2", {}, `${number}. ${level.name}`), ...(state.compared ? comparison(view, level) : view.broken ? broken(view, level) : [
    h("p", {}, level.story),
    shown > 0 && h("p", { class: "hint" }, h("b", {}, `Hint ${shown}: `), level.hints[shown - 1]),
    shown < level.hints.length
      ? h("button", { "data-key": "hint", click: () => ((hints[number] = shown + 1), changed()) }, `Hint ${shown + 1} of ${level.hints.length}`)
      : h("button", { "data-key": "hint", click: solve }, "Make these moves"),
  ])];
}

// solve makes the moves that win the level.
function solve() {
  const { win } = state.levels[state.number - 1];
  show({ moves: [...win], mode: "level", number: state.number });
}

function broken(view, level) {
  return [
    h("p", { class: "broken", role: "status" }, h("b", {}, "You have broken a promise: "), view.broken.promise, " ", view.broken.why),
    h("button", { id: "compare", "data-key": "compare", click: compare }, "The same moves with the right loop"),
    next(),
  ];
}

function comparison(view, level) {
  return [
    h("p", { class: "held", role: "status" }, h("b", {}, view.broken ? "The right loop breaks it too: " + view.broken.why : "The right loop keeps every promise. "),
      level.lesson, ` (${level.fault} in docs/faults.md)`),
    h("pre", { class: "edit", tabindex: "0", "aria-label": "The edit" }, level.edits.flatMap((e) => [
      h("ins", {}, `right loop:  ${flat(e.old)}\n`), h("del", {}, `this level:  ${flat(e.new)}\n`),
    ])),
    h("button", { "data-key": "return", click: endComparison }, "Back to the level"),
    next(),
  ];
}

const flat = (text) => text.trim().replace(/\s*\n\s*/g, " ⏎ ");

const next = () => state.number < state.levels.length &&
  h("button", { "data-key": "next", click: open(state.number + 1) }, `Level ${state.number + 1}`);
