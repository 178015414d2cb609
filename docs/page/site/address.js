// The state of the page as the fragment of its address: mode/method/idle/moves.
//
// The mode is free, guide.N, level.N or quiz.SEED. The moves are separated by semicolons; n steps in a
// row are .n.

export const empty = { mode: "guide", number: 0, method: "epoll", idle: 0, moves: [] };

export function encode(state) {
  const moves = [];
  for (let i = 0; i < state.moves.length; i++) {
    let n = 1;
    while (state.moves[i] === "." && state.moves[i + 1] === ".") i++, n++;
    moves.push(n > 1 ? `.${n}` : encodeURIComponent(state.moves[i]).replaceAll("%3A", ":").replaceAll("%2C", ","));
  }
  const mode = state.mode === "free" ? "free" : `${state.mode}.${state.number}`;
  return `#${mode}/${state.method}/${state.idle}/${moves.join(";")}`;
}

const mostMoves = 20000;

// decode throws an Error whose message is for the reader.
export function decode(fragment) {
  const parts = fragment.replace(/^#/, "").split("/");
  const mode = /^(free|guide\.(\d{1,2})|level\.([1-9]|10)|quiz\.(\d{1,9}))$/.exec(parts[0]);
  if (parts.length !== 4) throw new Error("it does not have four parts");
  if (!mode) throw new Error(`“${parts[0].slice(0, 40)}” is nothing that the page can do`);
  if (!["epoll", "poll", "select"].includes(parts[1])) throw new Error(`“${parts[1].slice(0, 40)}” is no system call to wait with`);
  if (!/^\d{1,4}$/.test(parts[2]) || Number(parts[2]) > 1000) throw new Error("it must have 0 to 1,000 idle clients");
  const moves = [];
  for (const part of parts[3].split(";")) {
    if (part === "") continue;
    const steps = /^\.(\d+)$/.exec(part);
    if (steps && Number(steps[1]) + moves.length > mostMoves) throw new Error("it has too many moves");
    if (steps) moves.push(...Array(Number(steps[1])).fill("."));
    else moves.push(text(part));
  }
  return {
    mode: mode[1].split(".")[0], number: Number(mode[2] ?? mode[3] ?? mode[4] ?? 0),
    method: parts[1], idle: Number(parts[2]), moves,
  };
}

function text(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error(`“${part.slice(0, 40)}” is cut off`);
  }
}
