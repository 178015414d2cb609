// The controls: steps, setup and mode, and the keys for them.

import { h, find, redraw, message } from "page/dom";
import { state, make, back, forward, again, setup, show, onChange } from "page/run";
import { connect, focusClient } from "page/clients";

let playing = null; // the timer of a run at a chosen speed
let speed = 4; // calls a second

function togglePlay() {
  if (playing) return stopPlaying();
  message("");
  if (state.mode === "quiz" || state.compared) return act(".")();
  const tick = () => {
    if (state.view.stuck || !make(".") || state.view.stuck) return stopPlaying();
    playing = setTimeout(tick, 1000 / speed);
  };
  playing = setTimeout(tick, 0);
  drawControls();
}

export function stopPlaying() {
  clearTimeout(playing);
  playing = null;
  drawControls();
}

const act = (move) => () => {
  if (state.compared) message("This is the right loop. Go back to the level to make moves.");
  else if (state.mode === "quiz" && !state.answered) message("Answer first: choose the call that comes next.");
  else make(move);
};

const commands = {
  b: ["Back", "back", back],
  f: ["Forward", "forward", forward],
  n: ["Step", "step", act(".")],
  t: ["Turn", "turn", act("turn")],
  r: ["Run", "run", act("run")],
  p: ["Play", "play", togglePlay],
  s: ["Time passes", "sleep", act("sleep")],
  d: ["Table full", "full", act("full")],
  0: ["Start again", "again", again],
};

const titles = {
  back: "take the last move back", forward: "make it again", step: "make the pending system call", turn: "go on to the next wait",
  run: "go on until the loop sleeps", play: "make calls at the chosen speed", sleep: "let time pass until the loop wakes",
  full: "let the descriptor table be full, or not", again: "go back to the beginning",
};

export function drawControls() {
  const { view } = state;
  if (!view) return;
  const disabled = {
    back: !state.moves.length, forward: !state.future.length, again: !state.moves.length,
    sleep: !(view.asleep && view.stuck && view.until >= 0),
  };
  redraw(find("controls"),
    Object.entries(commands).map(([key, [text, id, action]]) => h("button", {
      id, "data-key": id, title: titles[id], "aria-keyshortcuts": key, disabled: disabled[id],
      "aria-pressed": id === "play" ? String(!!playing) : id === "full" ? String(view.full) : false,
      click: () => (playing && id !== "play" ? stopPlaying() : null, action()),
    }, id === "play" && playing ? "Pause" : text, " ", h("kbd", {}, key))),
    h("label", {}, "speed ", h("input", {
      type: "range", min: 1, max: 60, value: speed, "data-key": "speed", "aria-label": "Speed: calls a second",
      input: (event) => (speed = Number(event.target.value)),
    })),
    h("output", { id: "position" }, `call ${view.calls} · turn ${view.turns} · ${Math.round(view.now)} ms`));
}

// drawSetup draws the modes and how the loop waits.
export function drawSetup() {
  const mode = (name, text, number) => h("button", {
    "data-key": name, "aria-current": state.mode === name ? "page" : false,
    click: () => show({ mode: name, number, moves: [], idle: 0, method: "epoll" }).catch((e) => message(e.message)),
  }, text);
  redraw(find("modes"), mode("guide", "First level", 0), mode("level", "Ten mistakes", 1), mode("quiz", "Quiz", 1), mode("free", "Free play", 0));
  redraw(find("setup"),
    ["select", "poll", "epoll"].map((method) => h("label", {}, h("input", {
      type: "radio", name: "method", value: method, "data-key": method, checked: state.method === method, change: () => setup({ method }),
    }), method)),
    h("label", {}, h("input", {
      type: "range", id: "idle", min: 0, max: 1000, step: 10, value: state.idle, "data-key": "idle", "aria-label": "Idle clients",
      change: (event) => setup({ idle: Number(event.target.value) }),
    }), h("output", {}, `${state.idle.toLocaleString("en")} idle clients`)));
}

// afterKey waits until the key is up, so that its letter is not typed into what gets the focus.
const afterKey = (action) => document.addEventListener("keyup", action, { once: true });

// Keys act when no text is being typed.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !state.view) return;
  if (event.target.matches("input[type=text], input[type=number]")) {
    if (event.key === "Escape") find("step").focus();
    return;
  }
  const key = event.key.toLowerCase();
  if (key === "c") afterKey(connect);
  else if (/^[1-8]$/.test(key)) afterKey(() => focusClient(Number(key) - 1));
  else if (commands[key]) {
    if (playing && key !== "p") stopPlaying();
    commands[key][2]();
  } else return;
  event.preventDefault();
});

onChange(() => {
  drawControls();
  drawSetup();
});
