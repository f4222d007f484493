// The chat in the frame: asks the service it came from, shows the answer while it is made, and talks to the loader
// of the page around it, whose origin the service has checked and whose messages are checked here.

import { drawAnswer, drawText, OUTCOMES } from "./embed-answer.js";
import { element, printable } from "./embed-markdown.js";

const NAME = "ask-notes";
const MAX_BODY = 7_500; // bytes; the service takes 8 KB
const MAX_TURNS = 12;
const MAX_TURN = 1_500; // characters of one answer that a follow-up takes along

const parent = new URLSearchParams(location.search).get("parent") ?? "";
const at = (id) => document.getElementById(id);
const [main, form, box, send, stop] = ["conversation", "form", "question", "send", "stop"].map(at);
const [beginning, suggestions, announced] = ["beginning", "suggestions", "announced"].map(at);

let history = [];
let underWay = null; // the AbortController of the question that is being answered
let token = null;
let given = [];
const rated = new Map(); // of each answer what this reader has said, by the id that the service gave it

// The page around

function tell(type, payload = {}) {
  if (window.parent !== window) window.parent.postMessage({ source: NAME, v: 1, type, payload }, parent);
}

function heard(event) {
  if (event.source !== window.parent || event.origin !== parent) return;
  const { source, v, type, payload } = event.data ?? {};
  if (source !== NAME || v !== 1) return;
  if (type === "init") begin(payload);
  else if (type === "focus") {
    if (payload?.context) suggest(payload.context);
    box.focus();
  } else if (type === "theme") setTheme(payload.theme);
  else if (type === "identify") token = typeof payload.token === "string" ? payload.token : null;
}

function setTheme(name) {
  document.documentElement.dataset.theme = ["light", "dark"].includes(name) ? name : "auto";
}

function begin({ title, theme, accent, ink, lang, placeholder, suggestions: first, context, inline }) {
  setTheme(theme);
  for (const [name, colour] of [["--accent", accent], ["--ink", ink]]) {
    if (/^#[0-9a-f]{3,6}$/i.test(colour)) document.documentElement.style.setProperty(name, colour);
  }
  // The page around and the notes are in this language; the words of the chat itself are English.
  if (/^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i.test(lang ?? "")) for (const each of [at("title"), main, box]) each.lang = lang;
  if (title) at("title").textContent = document.title = printable(title);
  if (placeholder) box.placeholder = printable(placeholder);
  at("close").hidden = Boolean(inline);
  given = Array.isArray(first) ? first.slice(0, 6).map(printable) : [];
  suggest(context);
}

function suggest(context) {
  const questions = [...(context ? [printable(context).slice(0, 200)] : []), ...given];
  suggestions.replaceChildren(...questions.map((question) => {
    const choice = element("button", "", question);
    choice.type = "button";
    choice.addEventListener("click", () => ask(question));
    return element("li", "", choice);
  }));
}

// Asking

function announce(words) {
  announced.textContent = words; // the end alone: a text that comes word by word cannot be listened to
}

function headers(accept) {
  return { "Content-Type": "application/json", Accept: accept, ...(token && { Authorization: `Bearer ${token}` }) };
}

/** The question with as much of what was said before as the service takes. */
function body(question) {
  let turns = history.slice(-MAX_TURNS);
  const encoded = () => JSON.stringify({ question, history: turns });
  while (turns.length && new TextEncoder().encode(encoded()).length > MAX_BODY) turns = turns.slice(1);
  return encoded();
}

async function ask(question) {
  question = question.trim();
  if (!question || underWay) return;
  const controller = new AbortController();
  const shown = element("div", "answer pending", element("p", "status", "Searching the notes \u2026"));
  const turn = element("section", "turn", element("h2", "question", question), shown);
  underWay = controller;
  busy(true);
  box.value = "";
  grow();
  main.append(turn);
  turn.scrollIntoView({ block: "start", behavior: "instant" });
  announce("Searching the notes.");
  tell("asked");
  try {
    const answer = await answered(question, controller.signal, shown);
    if (underWay !== controller) return;
    const isWatched = turn.getBoundingClientRect().top < innerHeight && turn.getBoundingClientRect().top > 0;
    shown.replaceWith(drawAnswer(answer, rate));
    if (isWatched) turn.scrollIntoView({ block: "start" }); // there may have been no room for it before
    history.push({ role: "user", content: question }, { role: "assistant", content: answer.text.slice(0, MAX_TURN) || "-" });
    announce(`${OUTCOMES[answer.outcome] ?? "Answered"}. Sources: ${answer.citations.length}.`);
    tell("answer", { id: answer.id });
  } catch (error) {
    if (underWay === controller) failed(shown, question, controller.signal.aborted ? "Stopped." : wordsFor(error));
  } finally {
    if (underWay === controller) {
      underWay = null;
      busy(false);
    }
  }
}

class Refused extends Error {}

function wordsFor(error) {
  return error instanceof Refused ? error.message : "The service cannot be reached.";
}

async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  const after = Number(response.headers.get("Retry-After"));
  const wait = after > 0 ? ` Try again in ${after} seconds.` : "";
  return new Refused((problem.detail || `The service answers with ${response.status}.`) + wait);
}

/** Ask the service; if the token is no longer good once more without it, and the page is told to bring another. */
async function post(path, accept, body, signal) {
  const sent = token;
  const asked = () =>
    fetch(path, { method: "POST", headers: headers(accept), body, signal, credentials: "omit", cache: "no-store" });
  const response = await asked();
  if (response.status !== 401 || !sent) return response;
  if (token === sent) token = null;
  tell("expired");
  return asked();
}

async function answered(question, signal, shown) {
  const response = await post("v1/ask", "text/event-stream", body(question), signal);
  if (!response.ok) throw await refusal(response);
  let text = "";
  let drawn = 0;
  const draw = () => {
    drawn = 0;
    if (shown.isConnected && !signal.aborted) shown.replaceChildren(drawText(text));
  };
  for await (const event of events(response.body)) {
    if (event.event === "delta") {
      text += event.text;
      drawn ||= requestAnimationFrame(draw);
    } else if (event.event === "status" && event.status === "writing" && !text) {
      shown.replaceChildren(element("p", "status", "Writing \u2026"));
    } else if (event.event === "error") throw new Refused(event.detail);
    else if (event.event === "done") return event.answer;
  }
  throw new Refused("The answer broke off.");
}

/** The data of the server-sent events of a response. */
async function* events(stream) {
  let buffer = "";
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    const parts = buffer.split(/\r?\n\r?\n/);
    buffer = parts.pop();
    for (const part of parts) {
      const lines = part.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (lines.length) yield JSON.parse(lines.map((line) => line.slice(5)).join("\n"));
    }
  }
}

function failed(shown, question, words) {
  shown.querySelector(".status")?.remove();
  const again = element("button", "quiet", "Ask again");
  again.type = "button";
  again.addEventListener("click", () => ask(question));
  shown.classList.remove("pending");
  shown.append(element("p", "failed", words), again);
  announce(words);
}

/** Keep what a reader thinks, in place of what they said of the same answer before; whether it was kept. */
async function rate(said) {
  const before = rated.get(said.answer);
  const body = JSON.stringify({ ...said, ...(before && { replaces: before }) });
  const response = await post("v1/feedback", "application/json", body).catch(() => null);
  if (response?.ok) rated.set(said.answer, (await response.json().catch(() => ({}))).id);
  announce(response?.ok ? "Thank you, this is kept." : "It could not be kept. Try again in a moment.");
  if (response?.ok) tell("feedback", { id: said.answer });
  return Boolean(response?.ok);
}

// The page

function busy(is) {
  const hadFocus = [send, stop].includes(document.activeElement);
  beginning.hidden = beginning.hidden || is;
  at("new").hidden = false;
  send.hidden = is;
  stop.hidden = !is;
  if (hadFocus) (is ? stop : box).focus();
}

function grow() {
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight + 2, 140)}px`;
}

function anew() {
  const last = underWay;
  underWay = null;
  last?.abort();
  history = [];
  for (const turn of main.querySelectorAll(".turn")) turn.remove();
  busy(false);
  beginning.hidden = false;
  at("new").hidden = true;
  announce("A new conversation.");
  box.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask(box.value);
});
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  ask(box.value);
});
box.addEventListener("input", grow);
stop.addEventListener("click", () => underWay?.abort());
at("new").addEventListener("click", anew);
at("close").addEventListener("click", () => tell("close"));
document.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && tell("close"));
window.addEventListener("message", heard);
tell("ready");
