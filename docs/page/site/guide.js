// The guided first level: ten steps that end with a message delivered.

import { h } from "page/dom";
import { state, show } from "page/run";

const text = (...parts) => () => parts.map((p) => (Array.isArray(p) ? h("kbd", {}, p[0]) : p));
const last = (view) => view.log.at(-1)?.text ?? "";
const client = (view, letter) => view.clients.find((c) => c.letter === letter);
const sees = (view, letter, line) => client(view, letter)?.screen.some((l) => l.startsWith(line));

// Each step says what to do, and when it is done.
const guide = [
  {
    say: text("This is a chat server with one thread. It is about to ask the kernel: which of my clients are ready? You will be its clients, and take it from one system call to the next. Begin: connect a client with the key ", ["c"], "."),
    done: (view) => view.clients.length > 0,
  },
  {
    say: text("The kernel has put the connection into the backlog of the listening socket, descriptor 3, and 3 on its ready list. Leave the terminal with ", ["Esc"], ", then press ", ["n"], " (Step): the server makes the call at the bottom of the log, epoll_wait."),
    done: (view) => last(view).startsWith("epoll_wait") || client(view, "a")?.fd >= 0,
  },
  {
    say: text("epoll_wait has returned: 3 is readable (EPOLLIN). That is an event. The loop will now accept. Press ", ["n"], " until client a has a descriptor of its own."),
    done: (view) => client(view, "a")?.fd >= 0,
  },
  {
    say: text("The client is descriptor 6 now. The loop registers it with epoll_ctl, asks for more connections, and gets EAGAIN: there is none. Press ", ["r"], " (Run): the loop goes on until it sleeps."),
    done: (view) => view.asleep && view.stuck,
  },
  {
    say: text("The loop sleeps in epoll_wait: a silent client costs no CPU. Wake it: press ", ["1"], " to go to client a, type HELLO-FROM alice and press Enter."),
    done: (view) => client(view, "a")?.screen.some((l) => l === "> HELLO-FROM alice"),
  },
  {
    say: text("The bytes are in the receive buffer of descriptor 6, and 6 is on the ready list. Press ", ["Esc"], ", then ", ["n"], " step by step: wait, read, write. Watch the line become an answer in the out queue, and then in the client's terminal."),
    done: (view) => sees(view, "a", "< HELLO alice"),
  },
  {
    say: text("alice is logged in. Now a second client: ", ["c"], " to connect, type HELLO-FROM bob and Enter, ", ["Esc"], ", then ", ["r"], " until client b sees HELLO bob."),
    done: (view) => sees(view, "b", "< HELLO bob"),
  },
  {
    say: text("Now the message. Press ", ["1"], ", type SEND bob hello, Enter, ", ["Esc"], ". Then ", ["n"], " until the next call is a write."),
    done: (view) => view.call === "write" && view.loop.conns.some((c) => c.queue.startsWith("DELIVERY")),
  },
  {
    say: text("Stop and look. In bob's out queue is DELIVERY alice hello, with a receipt ↩a at its end. alice has a pending reply: ?. The loop may not say SEND-OK yet, because the kernel does not have the message. Press ", ["n"], " until alice sees SEND-OK."),
    done: (view) => sees(view, "a", "< SEND-OK"),
  },
  {
    say: text("Delivered. The kernel took the last byte of the DELIVERY, the receipt was complete, and only then SEND-OK left. Wait, read, write, end of turn: that is the whole loop. Take it back with ", ["b"], " and watch it again, or go to the ten mistakes, where the loop is wrong and you have to show it."),
    done: () => false,
  },
];

export function drawGuide() {
  const step = guide[state.number];
  return [
    h("h2", {}, `First level · ${state.number + 1} of ${guide.length}`),
    h("p", { id: "guide", "data-step": state.number }, step.say()),
    state.number === guide.length - 1 &&
      h("button", { "data-key": "next", click: () => show({ mode: "level", number: 1, moves: [] }) }, "To the ten mistakes"),
  ];
}

// advance goes on when a step is done.
export function advance(view) {
  let moved = false;
  state.number = Math.min(state.number, guide.length - 1);
  while (guide[state.number].done(view)) {
    state.number++;
    moved = true;
  }
  return moved;
}
