// Uploads with progress, the progress of a job, and previews of its result. All else works without this file.
"use strict";

const MOST_SHOWN = 12; // pairs of images
const MOST_IMAGES = 1000, MOST_BYTES = 2 ** 28; // of a result that is read in the page
const POLL = 700; // milliseconds
const ENDED = "Your session ended, or access was revoked. Nothing more is restored.";

const $ = (name) => document.getElementById(name);
const before = new Map(); // files of this page by their names in the upload
let total = Number(location.hash.match(/^#of-(\d+)$/)?.[1] ?? 0); // images of the upload, 0 if unknown

function say(text, bad = false) {
  $("progress").hidden = false;
  $("said").textContent = text;
  $("said").classList.toggle("problem", bad);
  $("bar").hidden = bad;
}

function fill(done, all) {
  const bar = $("bar");
  if (all) {
    bar.max = all;
    bar.value = done;
  } else bar.removeAttribute("value");
}

async function asked(place, accept = "application/json") {
  const answer = await fetch(place, { headers: { Accept: accept }, redirect: "error", cache: "no-store" });
  if (answer.ok) return answer;
  if (answer.status === 401 || answer.status === 404) throw new Error(ENDED);
  const about = await answer.json().catch(() => ({}));
  throw new Error(about.message ? `The server refused: ${about.message}.` : "The server failed. Open the page again.");
}

// choosing files

async function filesOf(entry, folder = "") {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [[folder + file.name, file]];
  }
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const one of some) found.push(...(await filesOf(one, `${folder}${entry.name}/`)));
  }
}

function choose(files) {
  before.clear();
  for (const [name, file] of files) {
    const dot = name.lastIndexOf(".");
    let free = name;
    for (let number = 2; before.has(free); number++) {
      free = dot > 0 ? `${name.slice(0, dot)} (${number})${name.slice(dot)}` : `${name} (${number})`;
    }
    before.set(free, file);
  }
  let size = 0;
  for (const file of before.values()) size += file.size;
  $("images").required = !before.size;
  $("chosen").textContent = before.size
    ? `${before.size} ${before.size === 1 ? "file" : "files"}, ${(size / 1e6).toFixed(1)} MB`
    : "";
}

function dropping(drop) {
  for (const type of ["dragenter", "dragover"]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((one) => one.webkitGetAsEntry?.()).filter(Boolean);
    const loose = [...event.dataTransfer.files].map((one) => [one.name, one]);
    try {
      choose(entries.length ? (await Promise.all(entries.map((one) => filesOf(one)))).flat() : loose);
    } catch {
      say("A file that was dropped cannot be read. Choose the files with the button.", true);
    }
  });
}

// uploading

const isArchive = (name) => /\.(zip|tar|tgz|tar\.gz|tar\.zst)$/i.test(name);

function upload(form) {
  const body = new FormData(), call = new XMLHttpRequest(), stop = $("stop"), button = form.querySelector("button");
  body.append("csrf", form.csrf.value);
  body.append("once", `web-${crypto.randomUUID()}`);
  for (const [name, file] of before) body.append("images", file, name);
  const archive = before.size === 1 && isArchive([...before.keys()][0]);
  total = archive ? 0 : before.size;
  const ended = (text, bad) => {
    stop.hidden = true;
    button.disabled = false;
    if (text) say(text, bad);
  };
  call.upload.addEventListener("progress", (event) => {
    say(`Uploading: ${(event.loaded / 1e6).toFixed(1)} of ${(event.total / 1e6).toFixed(1)} MB`);
    fill(event.loaded, event.total);
  });
  call.addEventListener("load", () => {
    let about = {};
    try {
      about = JSON.parse(call.responseText);
    } catch {} // an answer of a proxy
    if (call.status !== 202 || !about.job) {
      const text = [about.message, about.hint].filter(Boolean).join(": ");
      ended(call.status === 401 ? ENDED : `Refused: ${text || "the server failed"}.`, true);
      return;
    }
    ended();
    if (archive) before.clear(); // its members are not known here
    form.hidden = true;
    history.replaceState(null, "", about.job + (total ? `#of-${total}` : ""));
    watch(about.job);
  });
  call.addEventListener("error", () => ended("The connection ended. Nothing was restored. Upload again.", true));
  call.addEventListener("abort", () => ended("The upload was cancelled. Nothing was restored.", true));
  stop.onclick = () => call.abort();
  stop.hidden = false;
  button.disabled = true;
  say("Uploading");
  call.open("POST", form.action);
  call.setRequestHeader("Accept", "application/json");
  call.send(body);
}

// a job

async function watch(place) {
  try {
    await shown(place); // with its button to cancel
    for (;;) {
      const about = await (await asked(`${place}/state`)).json();
      if (about.state !== "queued" && about.state !== "running") break;
      say(`Restoring: ${about.images}${total ? ` of ${total}` : ""} images have a result.`);
      fill(about.images, total);
      await new Promise((resolve) => setTimeout(resolve, POLL));
    }
    const job = await shown(place);
    $("progress").hidden = true;
    await previews(job);
  } catch (error) {
    say(error instanceof TypeError ? "The server cannot be reached. Open the page again." : error.message, true);
  }
}

// The part of the page of a job that says where it stands, as the server renders it.
async function shown(place) {
  const text = await (await asked(place, "text/html, application/json")).text();
  const made = new DOMParser().parseFromString(text, "text/html").getElementById("job");
  if (!made) throw new Error(ENDED);
  $("job").replaceWith(document.importNode(made, true));
  return $("job");
}

// the result: a zip archive, read while it arrives

class Bytes {
  constructor(stream) {
    this.reader = stream.getReader();
    this.parts = [];
    this.left = new Uint8Array(0);
    this.size = 0;
  }
  async take(count) {
    const made = new Uint8Array(count);
    let have = 0;
    while (have < count) {
      if (!this.left.length) {
        const { done, value } = await this.reader.read();
        if (done) throw new Error("The download was cut off. Download it again.");
        this.parts.push(value);
        this.size += value.length;
        if (this.size > MOST_BYTES) {
          await this.reader.cancel();
          return null;
        }
        this.left = value;
      }
      const some = this.left.subarray(0, count - have);
      made.set(some, have);
      have += some.length;
      this.left = this.left.subarray(some.length);
    }
    return made;
  }
  async rest() {
    for (;;) {
      const { done, value } = await this.reader.read();
      if (done) return new Blob(this.parts, { type: "application/zip" });
      this.parts.push(value);
    }
  }
}

// The next member: its name and content; null where the list of members begins.
async function member(bytes) {
  const head = await bytes.take(30);
  if (!head) return undefined;
  const view = new DataView(head.buffer);
  if (view.getUint32(0, true) !== 0x04034b50) return null;
  const name = await bytes.take(view.getUint16(26, true)), extra = await bytes.take(view.getUint16(28, true));
  let size = view.getUint32(18, true);
  if (size === 0xffffffff) size = Number(new DataView(extra.buffer).getBigUint64(12, true));
  const data = await bytes.take(size);
  return data && { name: new TextDecoder().decode(name), data };
}

async function previews(job) {
  if (job.dataset.readable !== "yes" || Number(job.dataset.images) > MOST_IMAGES) return;
  const section = $("previews"), said = $("received"), count = Number(job.dataset.images);
  section.hidden = false;
  const answer = await asked(`${job.dataset.place}/result?format=zip`, "application/json, application/zip");
  const bytes = new Bytes(answer.body), images = new Map();
  let got = 0, list = null;
  while (!list) {
    const one = await member(bytes);
    if (one === undefined) {
      said.textContent = "The result is too large to be shown here. Download it.";
      return;
    }
    if (one === null) throw new Error("The download was cut off. Download it again.");
    if (one.name === "RESULT.json") list = JSON.parse(new TextDecoder().decode(one.data));
    else {
      got += 1;
      if (images.size < MOST_SHOWN) images.set(one.name, one.data);
      said.textContent = `Received ${got} of ${count}`;
    }
  }
  const archive = await bytes.rest();
  for (const row of list.images) if (row.name && images.has(row.name)) section.querySelector("ul").append(pair(row, images.get(row.name)));
  if (list.error) {
    said.textContent = `The restoration ended early: ${list.error}. ${got} images were received.`;
    said.classList.add("problem");
    return;
  }
  said.textContent = `${got} images were received.${got > MOST_SHOWN ? ` These are the first ${MOST_SHOWN}.` : ""}`;
  $("zip").href = URL.createObjectURL(archive); // what was received and is complete
}

function pair(row, data) {
  const item = document.createElement("li"), figure = document.createElement("figure"), both = document.createElement("div");
  const caption = document.createElement("figcaption");
  both.className = "images";
  if (before.has(row.upload)) both.append(picture("before", before.get(row.upload), row.upload));
  both.append(picture("after", new Blob([data]), row.upload));
  caption.textContent = row.upload;
  figure.append(both, caption);
  item.append(figure);
  return item;
}

function picture(word, blob, name) {
  const box = document.createElement("div"), image = new Image(), label = document.createElement("span");
  label.textContent = word;
  image.alt = `${name}, ${word}`;
  image.onerror = () => image.replaceWith("This browser does not show this format.");
  image.src = URL.createObjectURL(blob);
  box.append(label, image);
  return box;
}

const form = $("upload");
if (form) {
  for (const one of document.querySelectorAll(".scripted")) one.hidden = false;
  $("images").addEventListener("change", (event) => choose([...event.target.files].map((one) => [one.name, one])));
  dropping($("drop"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (before.size) upload(form);
  });
} else if ($("job")) {
  const job = $("job");
  if (["queued", "running"].includes(job.dataset.state)) watch(job.dataset.place);
  else previews(job).catch((error) => say(error.message, true));
}
