// The loader: a button (or a place in the page) that opens the chat in a frame of its own origin. See docs/embed.md.
// It makes elements and sets properties only, so that it runs under a strict CSP and under trusted types.
(() => {
  "use strict";
  const script = document.currentScript; // known only while this line runs
  const before = window.AskNotes;
  if (before && before.version) return before.refresh();
  if (!script) return;

  const data = script.dataset;
  const NAME = "ask-notes";
  const page = new URL("embed", script.src);
  page.searchParams.set("parent", location.origin);
  const title = data.title || "Ask the notes";
  const inline = data.mode === "inline";
  const left = data.position === "left";
  const accent = /^#[0-9a-f]{6}$/i.test(data.accent || "") ? data.accent : "#2556a8";
  let theme = data.theme || "auto";
  let token = null;
  let host, frame, panel, launcher, silent;
  let ready = false, open = false, late;

  const css = `
:host { all: initial; color-scheme: inherit; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.panel { background: Canvas; overflow: hidden; }
.bubble .panel { position: fixed; z-index: 2147483000; bottom: 84px; ${left ? "left" : "right"}: 20px; width: 400px;
  max-width: calc(100vw - 40px); height: min(640px, calc(100dvh - 104px)); border: 1px solid #8886; border-radius: 14px;
  box-shadow: 0 8px 40px #0004; }
.inline .panel { width: 100%; height: 560px; border: 1px solid #8886; border-radius: 10px; }
iframe { display: block; width: 100%; height: 100%; border: 0; }
button { position: fixed; z-index: 2147483000; bottom: 20px; ${left ? "left" : "right"}: 20px; min-height: 48px;
  padding: 0 20px; border: 2px solid transparent; border-radius: 24px; background: ${accent}; color: ${ink(accent)};
  font: 600 16px/1.2 system-ui, sans-serif; cursor: pointer; box-shadow: 0 4px 16px #0004; }
button:focus-visible { outline: 3px solid ${accent}; outline-offset: 3px; }
p { margin: 0; padding: 20px; color: CanvasText; font: 16px/1.5 system-ui, sans-serif; }
.name { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 480px) { .bubble .panel { inset: 0; width: auto; max-width: none; height: 100dvh; border: 0; border-radius: 0; } }
@media (prefers-reduced-motion: no-preference) { .bubble .panel { animation: in .15s ease-out; } }
@media (forced-colors: active) { button { border-color: ButtonText; } }
@media print { .bubble { display: none; } }
@keyframes in { from { opacity: 0; transform: translateY(8px); } }`;

  // Black or white, whichever is read more easily on a colour.
  function ink(colour) {
    const [r, g, b] = [1, 3, 5].map((at) => (parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000" : "#fff";
  }

  function make(tag, properties) {
    return Object.assign(document.createElement(tag), properties);
  }

  function tell(type, detail) {
    window.dispatchEvent(new CustomEvent(`${NAME}:${type}`, { detail: { course: data.course || null, ...detail } }));
  }

  function send(type, payload) {
    if (ready) frame.contentWindow.postMessage({ source: NAME, v: 1, type, payload }, page.origin);
  }

  function pageTitle() {
    const told = document.querySelector('meta[property="og:title"]');
    return data.context === "auto" ? ((told && told.content) || document.title).slice(0, 200) : "";
  }

  // The edge and what is seen before the frame is there. A page that names no scheme leaves it to the reader's system.
  function paint() {
    const page = getComputedStyle(document.documentElement).colorScheme;
    panel.style.colorScheme = theme !== "auto" ? theme : page === "normal" ? "light dark" : page;
  }

  function build() {
    host = make("div", { id: NAME });
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    const box = make("div", { className: inline ? "inline" : "bubble" });
    panel = make("div", { className: "panel", id: "panel", hidden: true });
    panel.setAttribute("role", inline ? "region" : "dialog");
    panel.setAttribute("aria-labelledby", "name");
    silent = make("p", { hidden: true, textContent: "The chat cannot be shown on this page." });
    silent.setAttribute("role", "status");
    panel.append(make("span", { className: "name", id: "name", textContent: title }), silent);
    box.append(panel);
    if (!inline) {
      launcher = make("button", { type: "button", textContent: title, onclick: () => methods.toggle() });
      for (const [name, value] of [["haspopup", "dialog"], ["expanded", "false"], ["controls", "panel"]]) {
        launcher.setAttribute(`aria-${name}`, value);
      }
      box.prepend(launcher);
    }
    box.addEventListener("keydown", (event) => event.key === "Escape" && methods.close());
    root.append(box);
  }

  // Not before it is needed: until it is opened, the widget has asked for this file alone.
  function load() {
    if (frame) return;
    frame = make("iframe", { title, referrerPolicy: "no-referrer", src: page.href });
    frame.addEventListener("load", () => ready || wait());
    frame.sandbox = "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox";
    panel.append(frame);
  }

  // The page in the frame speaks before it has loaded; a refused one loads as well, and says nothing.
  function wait() {
    ready = false;
    clearTimeout(late);
    late = setTimeout(() => {
      silent.hidden = false;
      frame.hidden = true;
      console.warn(`${NAME}: no answer from ${page.href}. Is ${location.origin} in the service's embed_origins, and ` +
        `${page.origin} in this page's frame-src?`);
      tell("error", { reason: "no-answer" });
    }, 3000);
  }

  // The bubble stands beside <body>: what an app puts in place of the body leaves it, and the chat in it, alone.
  function place() {
    const target = inline ? document.querySelector(data.target || `#${NAME}-here`) : document.documentElement;
    if (!target || target.contains(host)) return;
    ready = false; // a frame that is moved loads anew
    target.append(host);
    if (inline) methods.open();
  }

  function listen(event) {
    if (!frame || event.source !== frame.contentWindow || event.origin !== page.origin) return;
    const { source, v, type, payload = {} } = event.data || {};
    if (source !== NAME || v !== 1) return;
    if (type === "ready") {
      clearTimeout(late);
      ready = true;
      frame.hidden = !(silent.hidden = true);
      const { lang, placeholder, suggestions } = data;
      send("init", {
        title, theme, accent, ink: ink(accent), lang, placeholder, inline, context: pageTitle(),
        suggestions: (suggestions || "").split("|").map((each) => each.trim()).filter(Boolean),
      });
      if (token) send("identify", { token });
      if (open && !inline) send("focus");
      tell("ready");
    } else if (type === "close" && !inline) methods.close();
    else if (type === "expired") {
      token = null;
      tell(type);
    }
    else if (["asked", "answer", "feedback"].includes(type)) {
      tell(type, typeof payload.id === "string" ? { id: payload.id } : {}); // ids only, no text
    }
  }

  const methods = {
    open() {
      paint();
      load();
      panel.hidden = false;
      if (open) return;
      open = true;
      if (launcher) {
        launcher.setAttribute("aria-expanded", "true");
        frame.focus();
        send("focus", { context: pageTitle() });
      }
      tell("open");
    },
    close() {
      if (!open || inline) return;
      open = false;
      panel.hidden = true;
      launcher.setAttribute("aria-expanded", "false");
      launcher.focus();
      tell("close");
    },
    toggle() {
      if (open) methods.close();
      else methods.open();
    },
    // A short-lived token that the forum has made for its user; null forgets it. Never an attribute, never an address.
    identify(given) {
      token = typeof given === "string" && given ? given : null;
      send("identify", { token });
    },
    setTheme(name) {
      theme = name;
      paint();
      send("theme", { theme });
    },
    refresh() {
      place();
    },
    destroy() {
      observer.disconnect();
      clearTimeout(late);
      window.removeEventListener("message", listen);
      host.remove();
      delete window.AskNotes;
    },
  };

  const observer = new MutationObserver(() => host.isConnected || place());
  const api = (name, ...rest) => Object.hasOwn(methods, name) && methods[name](...rest);
  Object.assign(api, methods, { version: 1 });

  build();
  window.AskNotes = api;
  window.addEventListener("message", listen);
  function start() {
    if (window.AskNotes !== api) return; // destroyed before the page was there
    place();
    observer.observe(document, { childList: true, subtree: true });
    if ("open" in data) methods.open();
    for (const call of (before && before.q) || []) api(...call);
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
