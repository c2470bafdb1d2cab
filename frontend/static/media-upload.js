// Adding media in the admin: each file goes its own way (ticket, bytes, media item) by the same API as everywhere.

const PARALLEL = 3;
const LOOK_EVERY_MS = 1_500;
// After this long people look at the media item's own page.
const LOOK_FOR_MS = 300_000;
const STALL_MS = 60_000;

const CREATE = `mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
  ticket { id method url headers { name value } } errors { message } } }`;
const COMPLETE = `mutation ($input: CompleteUploadInput!) { completeUpload(input: $input) {
  media { id title status error { message } } errors { message } } }`;
const LOOK = `query ($id: ID!) { node(id: $id) { ... on Media { id title status progress error { message } } } }`;

const form = document.querySelector("[data-media-upload]");
const list = document.querySelector("[data-media-upload-files]");
const summary = document.querySelector("[data-media-upload-summary]");
const drop = form.querySelector("[data-media-upload-drop]");
const input = form.querySelector("input[type=file]");
const jobs = [];
let running = 0;

async function ask(query, variables) {
  let response;
  try {
    response = await fetch(form.dataset.api, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ query, variables }),
    });
  } catch {
    throw new Error("The server cannot be reached. Check your connection, then try again.");
  }
  const answer = await response.json().catch(() => null);
  const error = answer?.errors?.[0]?.message;
  if (error || !answer?.data) throw new Error(error ?? `The server failed (${response.status}). Try again.`);
  return answer.data;
}

function payload(answer) {
  const [error] = answer.errors;
  if (error) throw new Error(error.message);
  return answer;
}

// XMLHttpRequest, because fetch does not tell how much was sent.
function send(ticket, file, onSent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), STALL_MS);
    };
    const interrupted = () => reject(new Error("The upload was interrupted. Check your connection, then try again."));
    request.open(ticket.method, ticket.url);
    for (const { name, value } of ticket.headers) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      watch();
      onSent(event.loaded);
    };
    request.upload.onload = watch;
    request.onerror = request.onabort = interrupted;
    request.onloadend = () => clearTimeout(timer);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new Error(refusal(request)));
    };
    watch();
    request.send(file);
  });
}

function refusal(request) {
  try {
    return JSON.parse(request.responseText).message;
  } catch {
    return `The store did not take this file (${request.status}). Try again.`;
  }
}

// As the rest of the admin writes it.
function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** step).toLocaleString("en", { maximumFractionDigits: 1 })} ${units[step]}`;
}

class Job {
  constructor(file, choices) {
    this.file = file;
    this.choices = choices;
    this.state = "waiting";
    this.row = document.querySelector("[data-media-upload-row]").content.cloneNode(true).firstElementChild;
    this.row.querySelector("[data-name]").textContent = file.name;
    this.row.querySelector("[data-size]").textContent = size(file.size);
    this.row.querySelector("button").addEventListener("click", () => {
      this.show("waiting", "Waiting");
      work();
    });
    list.append(this.row);
    this.show("waiting", "Waiting");
  }

  show(state, words) {
    this.state = state;
    this.row.dataset.state = state;
    this.row.querySelector("[data-words]").textContent = words;
    this.row.querySelector("progress").hidden = state !== "sending";
    this.row.querySelector("button").hidden = state !== "refused";
    summarise();
  }

  async run() {
    try {
      this.show("sending", "Sending");
      const bar = this.row.querySelector("progress");
      bar.max = this.file.size;
      bar.value = 0;
      const { ticket } = payload((await ask(CREATE, { input: this.ticketInput() })).createUpload);
      await send(ticket, this.file, (bytes) => (bar.value = bytes));
      this.show("checking", "Being checked");
      const { media } = payload((await ask(COMPLETE, { input: { id: ticket.id } })).completeUpload);
      this.added(media);
    } catch (error) {
      this.show("refused", error.message);
    }
  }

  ticketInput() {
    const { file, choices } = this;
    const mimeType = file.type || "application/octet-stream";
    return { ...choices, filename: file.name, fileSize: file.size, mimeType };
  }

  added(media) {
    const link = this.row.querySelector("a");
    link.href = `${form.dataset.open}?id=${encodeURIComponent(media.id)}`;
    link.hidden = false;
    this.told(media);
    if (media.status === "PROCESSING") this.follow(media.id, Date.now() + LOOK_FOR_MS);
  }

  told({ status, progress, error }) {
    if (status === "PROCESSING") this.show("added", `Added. Being processed${progress ? `: ${progress}%` : ""}`);
    else if (status === "FAILED") this.show("failed", `Added, but processing failed: ${error.message}`);
    else this.show("added", "Added");
  }

  async follow(id, until) {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      try {
        const { node } = await ask(LOOK, { id });
        if (node) this.told(node);
        if (node?.status !== "PROCESSING" || Date.now() > until) return;
      } catch {
        // It is added whatever becomes of the looking; its own page tells the rest.
        return;
      }
    }
  }
}

function work() {
  while (running < PARALLEL) {
    const job = jobs.find(({ state }) => state === "waiting");
    if (!job) return;
    running += 1;
    job.run().finally(() => {
      running -= 1;
      work();
    });
  }
}

function summarise() {
  const added = jobs.filter(({ state }) => state === "added" || state === "failed").length;
  const refused = jobs.filter(({ state }) => state === "refused").length;
  summary.textContent = jobs.length
    ? `${added} of ${jobs.length} added${refused ? `, ${refused} not: see the reasons below` : ""}.`
    : "";
}

function add(files) {
  const choices = { projectId: form.elements.project.value };
  if (form.elements.type?.value) choices.type = form.elements.type.value;
  if (form.dataset.replaces) choices.replacesMediaId = form.dataset.replaces;
  const taken = form.dataset.replaces ? [...files].slice(0, 1) : [...files];
  for (const file of taken) jobs.push(new Job(file, choices));
  summarise();
  work();
}

input.addEventListener("change", () => {
  add(input.files);
  input.value = "";
});
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("is-over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  add(event.dataTransfer.files);
});
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("beforeunload", (event) => {
  if (jobs.some(({ state }) => ["waiting", "sending", "checking"].includes(state))) event.preventDefault();
});
