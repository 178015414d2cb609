// The page: loads the loop, and draws the run after each change.

import { h, find, redraw, message } from "page/dom";
import { state, begin, open, onChange, remember } from "page/run";
import { drawClients } from "page/clients";
import { drawKernel } from "page/kernel";
import { drawLoop } from "page/loop";
import { drawCalls, drawSource } from "page/calls";
import { drawGuide, advance } from "page/guide";
import { drawLevel } from "page/levels";
import { drawQuiz } from "page/quiz";
import "page/controls";

onChange(() => {
  const view = state.compared ?? state.view;
  if (state.mode === "guide" && advance(view)) remember();
  document.body.classList.add("ready");
  drawClients(view);
  drawKernel(view);
  drawLoop(view);
  drawCalls(view);
  drawSource(view);
  redraw(find("task"), task(view));
  showEnd(); // at last, when the log has its height
  find("spoken").textContent = `${view.log.at(-1)?.text ?? ""} ${next(view)}`;
});

// showEnd scrolls the log to the call that comes next.
function showEnd() {
  const log = find("calls").querySelector("ol");
  log.scrollTop = log.scrollHeight;
}

// next is what a screen reader says about the call that comes next.
function next(view) {
  if (state.mode === "quiz" && !state.answered) return "Next: ?";
  return view.asleep ? "The loop sleeps." : `Next: ${view.pending}`;
}

function task(view) {
  switch (state.mode) {
    case "guide": return drawGuide();
    case "level": return drawLevel(view);
    case "quiz": return drawQuiz();
  }
  const broken = view.broken ? h("p", { class: "broken", role: "status" }, h("b", {}, view.broken.promise), " ", view.broken.why) : null;
  return [h("h2", {}, "Free play"), broken ?? h("p", {},
    "Be the clients, and be the kernel. The address of this page holds the whole run: send it as a link.")];
}

async function start() {
  if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function") {
    throw new Error("This page runs the server's real code as WebAssembly, and this browser does not have it. A browser of 2023 or later does.");
  }
  message("The loop is being built and loaded. The first time, this takes up to a minute…");
  await begin();
  await open(location.hash || "#guide.0/epoll/0/");
  performance.mark("first view");
}

new ResizeObserver(showEnd).observe(find("calls").querySelector("ol")); // a message above takes height from it
window.addEventListener("hashchange", () => open(location.hash).catch((e) => message(e.message)));
start().catch((error) => message(error.message));
