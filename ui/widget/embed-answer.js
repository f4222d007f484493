// One Answer (docs/answer.md) -> what a reader sees of it. All of it is data: see embed-markdown.js.

import { element, link, printable, render } from "./embed-markdown.js";

export const OUTCOMES = {
  answered: "Answered from the notes",
  partial: "Partly in the notes",
  unfinished: "Not written yet",
  not_covered: "Not in the notes",
  tool: "From the machine of the service",
  refused: "Not done",
};
const REASONS = {
  up: ["Answers it", "Right source", "Clear"],
  down: ["Does not answer it", "Wrong source", "Something is missing", "Hard to read"],
};
const WEAK = "(?)";
const WEAK_MEANS = `${WEAK} not word for word in the notes: compare the source.`;

/** The text of an answer while it comes: no marks are links yet. */
export function drawText(text) {
  return element("div", "text", render(text, () => null));
}

/** A whole answer. `rate(feedback)` keeps what a reader thinks of it, and promises whether it was kept. */
export function drawAnswer(answer, rate) {
  const outcome = Object.hasOwn(OUTCOMES, answer.outcome) ? answer.outcome : "partial";
  const sources = new Map(answer.citations.map((citation) => [citation.number, source(citation, true)]));
  const mark = (number) => sources.has(number) && markTo(number, sources.get(number));
  const made = element("div", `answer ${outcome}`, element("p", "outcome", OUTCOMES[outcome]));
  made.append(element("div", "text", render(withDoubts(answer), (number) => mark(number) || null)));
  made.append(...answer.tool_runs.filter((run) => run.allowed).map(toolRun));
  made.append(...remarks(answer).map((remark) => element("p", "remark", remark)));
  made.append(...wrongCommands(answer.commands));
  if (sources.size) made.append(element("h3", "", "Sources"), element("ol", "sources", ...sources.values()));
  if (answer.nearest.length) {
    const near = answer.nearest.map((citation) => source(citation, false));
    made.append(element("h3", "", "The nearest that is written"), element("ol", "sources near", ...near));
  }
  const more = element("p", "more", link(new URL(`a/${encodeURIComponent(answer.id)}`, document.baseURI), "Link to this answer"));
  if (answer.model !== "quotes") more.prepend(`Worded by ${printable(answer.model)}, checked against the notes. `);
  made.append(more, feedback(answer.id, rate));
  return made;
}

/** The text with a mark behind each claim that the notes support only in part. */
function withDoubts(answer) {
  let { text } = answer;
  let place = 0;
  for (const claim of answer.claims) {
    const found = text.indexOf(claim.text, place);
    if (found < 0) continue;
    place = found + claim.text.length;
    if (claim.support !== "weak") continue;
    const added = /(```|~~~)\s*$/.test(claim.text) ? `\n\n${WEAK}` : ` ${WEAK}`;
    text = text.slice(0, place) + added + text.slice(place);
    place += added.length;
  }
  return text;
}

function remarks(answer) {
  const doubts = answer.claims.some((claim) => claim.support === "weak") ? [WEAK_MEANS] : [];
  return answer.notice ? [...doubts, answer.notice] : doubts;
}

/** The heading path as a link that opens the section, where it stands, and what it says. */
function source(citation, isCited) {
  const path = citation.heading.join(" \u203a ") || citation.document;
  const lines = citation.start_line === citation.end_line
    ? `line ${citation.start_line}` : `lines ${citation.start_line} to ${citation.end_line}`;
  const made = element("li", "", link(addressOf(citation), path));
  made.append(element("span", "place", `${citation.document}, ${lines}`));
  if (isCited) made.value = citation.number;
  if (citation.parents.length) made.append(element("span", "place", `Under: ${citation.parents.join(" \u203a ")}`));
  if (citation.quote) {
    const quote = element("pre", "", citation.quote);
    quote.tabIndex = 0;
    made.append(element("details", "", element("summary", "", "What it says"), quote));
  }
  return made;
}

/** Where a section is read: where the notes are on the web, else at this service; never a file of its machine. */
function addressOf(citation) {
  if (/^https?:\/\//i.test(citation.url)) return citation.url;
  const at = citation.via ?? citation;
  const note = at.document.split("/").map(encodeURIComponent).join("/");
  const lines = `${Number(at.start_line)}-${Number(at.end_line)}`;
  return new URL(`notes/${note}?lines=${lines}#${encodeURIComponent(citation.anchor)}`, document.baseURI);
}

/** A mark leads to its source below. The address of the frame stays: a step of it would be one of the whole page. */
function markTo(number, target) {
  const made = element("a", "mark", `[${number}]`);
  const first = target.querySelector("a, span");
  made.href = `#source-${number}`;
  made.setAttribute("aria-label", `Source ${number}: ${first.textContent}`);
  made.addEventListener("click", (event) => {
    event.preventDefault();
    first.tabIndex = first.tabIndex < 0 ? -1 : 0;
    first.focus();
    target.scrollIntoView({ block: "nearest" });
  });
  return made;
}

function wrongCommands(commands) {
  const wrong = commands.filter((command) => command.status === "invalid" || ["error", "warn"].includes(command.severity));
  return wrong.map((command) => {
    const made = element("div", "wrong", element("p", "", element("strong", "", "Wrong: "), element("code", "", command.text)));
    if (command.problem) made.append(element("p", "", command.problem));
    if (command.suggestion) made.append(element("p", "", "Write instead: ", element("code", "", command.suggestion)));
    return made;
  });
}

function toolRun(run) {
  const made = element("pre", "", `$ ${run.argv.join(" ")}\n${run.stdout}${run.stderr}`);
  made.tabIndex = 0;
  return made;
}

function button(words, act) {
  const made = element("button", "quiet", words);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/** Two thumbs in words, and once one is pressed a reason. */
function feedback(answer, rate) {
  const made = element("div", "feedback");
  const why = element("div", "why");
  made.setAttribute("role", "group");
  made.setAttribute("aria-label", "What do you think of this answer?");
  const thumbs = [["up", "Helpful"], ["down", "Not helpful"]].map(([rating, words]) => [rating, button(words, () => press(rating))]);
  const press = async (rating) => {
    if (await rate({ answer, rating })) {
      for (const [each, thumb] of thumbs) thumb.setAttribute("aria-pressed", String(each === rating));
      why.replaceChildren(...reasons(answer, rating, rate));
    }
  };
  for (const [, thumb] of thumbs) thumb.setAttribute("aria-pressed", "false");
  made.append(...thumbs.map(([, thumb]) => thumb), why);
  return made;
}

function reasons(answer, rating, rate) {
  let reason;
  const keep = async () => {
    const text = more.value.trim();
    const kept = await rate({ answer, rating, ...(reason && { reason }), ...(text && { text }) });
    thanks.textContent = kept ? "Thank you, this is kept." : "";
  };
  const choices = REASONS[rating].map((words) => button(words, () => {
    reason = words;
    for (const each of choices) each.setAttribute("aria-pressed", String(each.textContent === words));
    keep();
  }));
  for (const each of choices) each.setAttribute("aria-pressed", "false");
  const more = document.createElement("input");
  Object.assign(more, { type: "text", maxLength: 1000, placeholder: "Anything else?" });
  more.setAttribute("aria-label", "Anything else?");
  more.addEventListener("keydown", (event) => event.key === "Enter" && keep());
  const thanks = element("p", "thanks");
  return [element("p", "", "Why?"), ...choices, more, button("Send", keep), thanks];
}
