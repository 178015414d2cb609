// The run that is shown: its moves, the view that they lead to, and the functions that draw it.

import { load, fetchJSON } from "page/wasm";
import { encode, decode, empty } from "page/address";
import { message } from "page/dom";

export const state = { ...empty, moves: [], future: [], view: null, compared: null, levels: [], sources: {} };

const listeners = [];
export const onChange = (listener) => listeners.push(listener);
export const changed = () => listeners.forEach((listener) => listener(state));

let program; // the loop that the moves are made in

export async function begin() {
  [state.levels, state.sources] = await Promise.all([fetchJSON("levels.json"), fetchJSON("sources.json")]);
  program = await load(0);
}

// call makes the moves in a program. They are passed as one string, which is quicker than a list.
const call = (where, moves, lenient) => where.play(state.method, state.idle, moves.join("\0"), lenient);

// play replays the moves. It keeps those up to the first that is impossible.
function play() {
  state.compared = null;
  const view = call(program, state.moves, false);
  if (view.error && view.done < state.moves.length) {
    const refused = state.moves[view.done].slice(0, 30);
    state.moves.length = view.done;
    message(`Not possible: “${refused}”. ${sentence(view.error)}`);
  } else if (view.error) {
    message(sentence(view.error));
  }
  if (view.clients) state.view = view;
  remember();
  changed();
  return view;
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1) + ".";

let writing = 0;

// remember writes the state into the address, a few times a second at most: browsers refuse more.
export function remember() {
  writing ||= setTimeout(write, 350);
}

function write() {
  clearTimeout(writing);
  writing = 0;
  const fragment = encode(state);
  history.replaceState(null, "", fragment);
  store("chatd.last", fragment);
}

window.addEventListener("pagehide", () => writing && write());

// make makes a move. Moves of many steps are kept as single steps, so that each can be taken back.
// It returns whether the move was possible; otherwise nothing has changed.
export function make(move) {
  message("");
  if (state.moves.length > 10000) {
    message("This run has 10,000 moves, and more do not fit into an address. Start again to go on.");
    return false;
  }
  const many = move === "turn" || move === "run" || move.startsWith("to:");
  const future = state.future;
  state.future = [];
  state.moves.push(move);
  const view = play();
  if (view.error) {
    state.future = future;
    return false;
  }
  if (many) {
    state.moves.splice(-1, 1, ...Array(view.made).fill("."));
    call(program, state.moves, false);
    remember();
    if (view.made === 0) {
      message(view.broken ? "A promise is broken: go back, or start again." : "The loop sleeps: a client has to do something, or time has to pass.");
    }
  }
  return true;
}

export function back() {
  if (state.moves.length === 0) return;
  message("");
  state.future.push(state.moves.pop());
  play();
}

export function forward() {
  if (state.future.length === 0) return;
  message("");
  state.moves.push(state.future.pop());
  play();
}

// show goes to another state. The program of a level is built when it is first needed.
export async function show(next) {
  const level = next.mode === "level" ? next.number : 0;
  message(level ? "The loop of this level is being built…" : "");
  const loaded = await load(level);
  message("");
  program = loaded;
  Object.assign(state, { future: [], ...next });
  play();
}

// setup changes how the loop waits, and replays the same moves.
export function setup(change) {
  message("");
  Object.assign(state, change);
  play();
}

export function again() {
  message("");
  state.future = state.moves.reverse();
  state.moves = [];
  play();
}

// compare shows the same moves with the right loop. What is not possible there is left out.
export async function compare() {
  const right = await load(0);
  state.compared = call(right, [...state.moves, "run"], true);
  changed();
}

export function endComparison() {
  state.compared = null;
  changed();
}

// open shows the state of a fragment. If that is broken, what is shown stays.
export async function open(fragment) {
  clearTimeout(writing);
  writing = 0;
  let next;
  try {
    next = decode(fragment);
  } catch (error) {
    const last = state.view ? null : stored("chatd.last");
    await show(last ? safely(last) : state.view ? { ...state, future: state.future } : { ...empty, moves: [] });
    message(`This link is broken: ${error.message}. Nothing is lost: the page shows your last run.`);
    return;
  }
  await show(next);
}

function safely(fragment) {
  try {
    return decode(fragment);
  } catch {
    return { ...empty, moves: [] };
  }
}

// store and stored keep a text in the browser, if it lets the page do so.
export function store(name, text) {
  try {
    localStorage.setItem(name, text);
  } catch {} // private windows may refuse
}

export function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

// storedList is a stored array, or another one if there is none or its text is damaged.
export function storedList(name, otherwise) {
  try {
    const list = JSON.parse(stored(name));
    return Array.isArray(list) ? list : otherwise;
  } catch {
    return otherwise;
  }
}
