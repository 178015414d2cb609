// The quiz: a moment of a run, and the question which call comes next.

import { h, message } from "page/dom";
import { state, show, make, changed, storedList, store } from "page/run";
import { load } from "page/wasm";

let problem = null; // of the present seed

// pose makes the problem of a seed.
export async function pose(seed) {
  problem = { seed, ...(await load(0)).quiz(seed), chosen: null };
  state.answered = false;
  await show({ mode: "quiz", number: seed, moves: [...problem.moves], method: "epoll", idle: 0 });
}

function choose(option) {
  problem.chosen = option;
  state.answered = true;
  const score = storedList("chatd.quiz", [0, 0]);
  if (option !== null) store("chatd.quiz", JSON.stringify([score[0] + (option === problem.right), score[1] + 1]));
  make("."); // shows the call
  changed();
}

export function drawQuiz() {
  if (problem?.seed !== state.number) {
    pose(state.number).catch((e) => message(e.message));
    return [h("p", {}, "The problem is being made…")];
  }
  const [right, all] = storedList("chatd.quiz", [0, 0]);
  const verdict = () => {
    if (problem.chosen === problem.right) return "Right.";
    return problem.chosen === null ? "The answer is marked." : "No: the answer is marked.";
  };
  return [
    h("h2", {}, `Quiz · problem ${problem.seed}`),
    h("p", {}, state.answered ? verdict() + ` ${right} of ${all} so far.` : "Look at the kernel and the loop. Which call comes next, and with what result?"),
    h("ol", { class: "options" }, problem.options.map((o, i) => h("li", {}, h("button", {
      "data-key": "option-" + i, disabled: state.answered, class: state.answered && i === problem.right ? "good" : false, click: () => choose(i),
    }, h("code", {}, o))))),
    state.answered
      ? h("button", { "data-key": "next", click: () => pose((state.number % 999999) + 1) }, "Next problem")
      : h("button", { "data-key": "show", click: () => choose(null) }, "Show the answer"),
  ];
}
