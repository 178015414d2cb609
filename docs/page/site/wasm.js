// The compiled loops: program 0 is the right one, program n that of level n.

// fetchFile returns the content of a file of the page. In the page that is one file, all are in a table.
export async function fetchFile(name) {
  if (globalThis.pageFiles) {
    const text = atob(globalThis.pageFiles[name]);
    return Uint8Array.from(text, (c) => c.charCodeAt(0));
  }
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name}: ${await response.text()}`);
  return new Uint8Array(await response.arrayBuffer());
}

export async function fetchJSON(name) {
  return JSON.parse(new TextDecoder().decode(await fetchFile(name)));
}

async function unpack(bytes) {
  if (bytes[0] !== 0x1f) return bytes; // the host has unpacked it on the way
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const programs = [];

// load starts a program. It returns an object with play and quiz (docs/page/wasm).
export function load(level) {
  programs[level] ??= start(level).catch((error) => {
    programs[level] = null; // so that it can be tried again
    throw error;
  });
  return programs[level];
}

async function start(level) {
  const wasm = await unpack(await fetchFile(`loop-${level}.wasm.gz`));
  const go = new Go();
  const { instance } = await WebAssembly.instantiate(wasm, go.importObject);
  return new Promise((ready) => {
    globalThis.chatdReady = ready; // called before run returns to the event loop
    go.run(instance);
  });
}
