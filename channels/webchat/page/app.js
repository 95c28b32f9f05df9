"use strict";
/* The page of the web chat. It keeps nothing but the language and what has not been sent yet; the conversation is on the server. */
(() => {
  const TEXTS = JSON.parse(document.getElementById("texts").textContent);
  const LOCALE_KEY = "ruta.locale";
  const UNSENT_KEY = "ruta.unsent";
  const POLL_WAITING_MS = 2000;
  const POLL_IDLE_MS = 10000;
  const STREAM_SILENT_MS = 8000; // Some networks hold streams back without an error: then the page polls.
  const HIDDEN_MS = 60000;       // A page out of sight stops listening, which saves data and battery.
  const SLOW_MS = 15000;
  const RETRY_MS = [2000, 4000, 8000, 15000, 30000];

  const $ = (id) => document.getElementById(id);
  const log = $("log"), main = document.querySelector("main"), input = $("text"), statusLine = $("status");

  let locale = "es";
  let lastId = 0;
  let stream = null, pollTimer = 0, silentTimer = 0, hiddenTimer = 0, slowTimer = 0, retryTimer = 0;
  let isPolling = false, isWaiting = false, isSending = false, isUnreachable = false, attempts = 0;
  let epoch = 0;   // Rises when the conversation is forgotten: what was on its way then belongs to nobody.
  let unsent = []; // Messages in the order in which they were written; the first is sent first.
  const bubbles = new Map(); // The bubble of each unsent message, by the message's id.

  /* ---- words ---- */

  const text = (key) => (TEXTS[locale] || TEXTS.es)[key] || TEXTS.es[key] || "";

  function remember(storage, key, value) {
    try { value === null ? storage.removeItem(key) : storage.setItem(key, value); } catch (refused) { /* The page works without. */ }
  }

  function recall(storage, key) {
    try { return storage.getItem(key); } catch (refused) { return null; }
  }

  function pickLocale() {
    const wished = [recall(localStorage, LOCALE_KEY), ...(navigator.languages || [navigator.language])];
    return wished.filter(Boolean).map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in TEXTS) || "es";
  }

  function showLocale() {
    document.documentElement.lang = locale;
    document.title = text("page_title");
    $("locale").value = locale;
    document.querySelectorAll("[data-text]").forEach((node) => { node.textContent = text(node.dataset.text); });
    document.querySelectorAll("[data-label]").forEach((node) => node.setAttribute("aria-label", text(node.dataset.label)));
    document.querySelectorAll("[data-placeholder]").forEach((node) => { node.placeholder = text(node.dataset.placeholder); });
    $("forget").setAttribute("aria-label", text("forget_title"));
    $("forget").title = text("forget_title");
  }

  /* ---- the conversation on the screen ---- */

  function make(tag, className, words) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (words) node.textContent = words;
    return node;
  }

  function makeHeard(key) {
    const node = make("span", "hidden", text(key) + ": ");
    node.dataset.heard = key;
    return node;
  }

  function show(node) {
    log.append(node);
    $("start").hidden = true;
    // A long answer is read from its beginning, a short one is simply in view.
    const isTall = node.offsetHeight > main.clientHeight * 0.8;
    scrollTo(isTall ? node.offsetTop - 12 : main.scrollHeight);
  }

  function scrollTo(top) {
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    main.scrollTo({ top, behavior: isCalm ? "auto" : "smooth" });
  }

  function showSent(words) {
    const node = make("div", "message own");
    const bubble = make("div", "bubble", words);
    bubble.prepend(makeHeard("you"));
    node.append(bubble);
    show(node);
    return node;
  }

  function showReply(reply) {
    if (reply.id <= lastId) return;
    lastId = reply.id;
    const node = make("div", "message");
    for (const part of reply.parts) {
      const bubble = make("div", "bubble");
      bubble.innerHTML = part.html; // Made by the server from parsed blocks, with everything escaped.
      bubble.querySelectorAll("a[target]").forEach((link) => link.append(make("span", "hidden", " " + text("new_tab"))));
      if (part.html) node.append(bubble);
      const choices = choiceButtons(part);
      if (choices) node.append(choices);
    }
    if (!node.firstChild) return;
    (node.querySelector(".bubble") || node).prepend(makeHeard("name"));
    show(node);
  }

  function choiceButtons(part) {
    const replies = part.quick_replies || [];
    if (!replies.length && part.location_title === undefined) return null;
    const row = make("div", "choices");
    for (const reply of replies) {
      const button = make("button", "", reply.title);
      button.type = "button";
      if (reply.description) button.append(make("small", "", reply.description));
      button.addEventListener("click", () => {
        row.querySelectorAll(".chosen").forEach((other) => other.classList.remove("chosen"));
        button.classList.add("chosen");
        send({ kind: "quick_reply", quick_reply: reply.token, text: reply.title });
      });
      row.append(button);
    }
    if (part.location_title !== undefined) row.append(locationButton(part.location_title));
    return row;
  }

  function locationButton(title) {
    const button = make("button", "place", title || text("share_location"));
    button.type = "button";
    button.addEventListener("click", () => {
      const fail = () => { button.disabled = false; say("location_failed"); input.focus(); };
      if (!navigator.geolocation) return fail();
      button.disabled = true;
      say("locating");
      navigator.geolocation.getCurrentPosition((position) => {
        button.disabled = false;
        say("");
        // Three decimals are about a hundred metres: enough to find help, too little to find a door.
        const round = (degrees) => Math.round(degrees * 1000) / 1000;
        send({ kind: "location", location: { latitude: round(position.coords.latitude), longitude: round(position.coords.longitude) } });
      }, fail, { timeout: 15000, maximumAge: 300000 });
    });
    return button;
  }

  function say(key) {
    statusLine.textContent = key ? text(key) : "";
    if (key) scrollTo(main.scrollHeight);
  }

  function setWaiting(isNow) {
    isWaiting = isNow;
    clearTimeout(slowTimer);
    $("typing").hidden = !isNow;
    const hidden = make("span", "hidden", isNow ? text("typing") : "");
    statusLine.replaceChildren(...(isNow ? [hidden] : []));
    if (!isNow) return;
    scrollTo(main.scrollHeight);
    slowTimer = setTimeout(() => { $("typing").hidden = true; say("slow"); }, SLOW_MS);
  }

  function setUnreachable(isNow) {
    isUnreachable = isNow;
    const line = $("offline");
    if (line.hidden === !isNow) return;
    line.hidden = !isNow;
    line.textContent = isNow ? text("offline") : "";
    if (isNow) scrollTo(main.scrollHeight);
  }

  /* ---- sending ---- */

  function newId() {
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16)); // Plain http has no randomUUID.
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }

  function wordsOf(message) {
    if (message.kind === "start") return text("start");
    if (message.kind === "location") return text("location_sent");
    return message.text || text("choice_sent");
  }

  function send(message) {
    const whole = { id: newId(), locale, ...message };
    unsent.push(whole);
    keepUnsent();
    bubbles.set(whole.id, showSent(wordsOf(whole)));
    sendNext();
  }

  function keepUnsent() {
    remember(sessionStorage, UNSENT_KEY, unsent.length ? JSON.stringify(unsent) : null);
  }

  function mark(message, key, isTappable) {
    const node = bubbles.get(message.id);
    if (!node) return;
    node.querySelectorAll(".state").forEach((old) => old.remove());
    if (!key) return;
    const state = make(isTappable ? "button" : "span", "state", text(key));
    if (isTappable) {
      state.type = "button";
      state.addEventListener("click", () => { attempts = 0; sendNext(); });
    }
    node.append(state);
  }

  async function sendNext() {
    clearTimeout(retryTimer);
    if (isSending || !unsent.length) return;
    isSending = true;
    const message = unsent[0], ours = epoch;
    mark(message, "sending", false);
    const status = await post("messages", message);
    isSending = false;
    if (ours !== epoch) return sendNext();
    if (status === 200) {
      settle(message, "");
      setWaiting(true);
      listen();
    } else if (status >= 400 && status < 500 && ![401, 408, 429].includes(status)) {
      settle(message, "refused");
    } else {
      for (const waiting of unsent) mark(waiting, "not_sent", true);
      setUnreachable(status === 0);
      retryTimer = setTimeout(sendNext, RETRY_MS[Math.min(attempts++, RETRY_MS.length - 1)]);
    }
  }

  function settle(message, key) {
    attempts = 0;
    unsent = unsent.filter((other) => other.id !== message.id);
    keepUnsent();
    mark(message, key, false);
    bubbles.delete(message.id);
    if (key !== "refused") setUnreachable(false);
    sendNext();
  }

  /* Returns the status, or 0 when the server was not reached. A browser whose cookie has gone fetches the page for a new one. */
  async function post(path, body) {
    const call = () => fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    try {
      let answer = await call();
      if (answer.status === 401) {
        await fetch("./", { cache: "no-store" });
        answer = await call();
      }
      return answer.status;
    } catch (unreachable) {
      return 0;
    }
  }

  /* ---- receiving ---- */

  function receive(reply) {
    if (reply.parts.length && reply.id > lastId) setWaiting(false);
    showReply(reply);
  }

  function listen() {
    if (isPolling) return schedulePoll();
    if (stream && stream.readyState !== EventSource.CLOSED) return;
    if (!window.EventSource) return startPolling();
    const opened = stream = new EventSource("events?after=" + lastId);
    clearTimeout(silentTimer);
    silentTimer = setTimeout(() => { if (opened === stream) startPolling(); }, STREAM_SILENT_MS);
    opened.addEventListener("ready", () => { clearTimeout(silentTimer); setUnreachable(false); if (unsent.length) sendNext(); });
    opened.addEventListener("reply", (event) => { if (opened === stream) receive(JSON.parse(event.data)); });
    opened.addEventListener("error", () => {
      if (opened !== stream) return;
      // While it connects again by itself nothing is lost; when it has given up, the page polls.
      if (opened.readyState === EventSource.CLOSED) startPolling();
      else checkReach();
    });
  }

  function stopListening() {
    clearTimeout(silentTimer);
    clearTimeout(pollTimer);
    if (stream) stream.close();
    stream = null;
    isPolling = false;
  }

  function startPolling() {
    stopListening();
    isPolling = true;
    poll();
  }

  function schedulePoll() {
    clearTimeout(pollTimer);
    if (isPolling) pollTimer = setTimeout(poll, isWaiting ? POLL_WAITING_MS : POLL_IDLE_MS);
  }

  async function poll() {
    const ours = epoch;
    try {
      const answer = await fetch("poll?after=" + lastId, { cache: "no-store" });
      if (ours !== epoch) return;
      setUnreachable(false);
      if (answer.ok) for (const reply of (await answer.json()).replies) receive(reply);
    } catch (unreachable) {
      setUnreachable(true);
    }
    schedulePoll();
  }

  async function checkReach() {
    clearTimeout(silentTimer);
    await new Promise((done) => setTimeout(done, 3000));
    if (stream && stream.readyState === EventSource.CONNECTING) setUnreachable(true);
  }

  async function loadHistory() {
    const ours = epoch;
    try {
      const answer = await fetch("history", { cache: "no-store" });
      if (!answer.ok || ours !== epoch) return answer.ok;
      const history = await answer.json();
      // A whole conversation must not be read aloud again.
      log.setAttribute("aria-live", "off");
      for (const entry of history.entries) entry.reply ? showReply(entry.reply) : showSent(wordsOf(entry.sent));
      lastId = Math.max(lastId, history.last_id);
      setWaiting(history.is_waiting);
      requestAnimationFrame(() => log.setAttribute("aria-live", "polite"));
      return true;
    } catch (unreachable) {
      setUnreachable(true);
      return false;
    }
  }

  function restoreUnsent() {
    try { unsent = JSON.parse(recall(sessionStorage, UNSENT_KEY)) || []; } catch (broken) { unsent = []; }
    for (const message of unsent) bubbles.set(message.id, showSent(wordsOf(message)));
    sendNext();
  }

  /* ---- forgetting ---- */

  function clearPage() {
    epoch += 1;
    stopListening();
    clearTimeout(retryTimer);
    unsent = [];
    keepUnsent();
    bubbles.clear();
    lastId = attempts = 0;
    log.replaceChildren();
    setWaiting(false);
    $("start").hidden = false;
  }

  async function forget() {
    if ($("confirm").open) $("confirm").close();
    const status = await post("forget", {});
    if (status !== 204) return say("forget_failed");
    clearPage();
    say("forgotten");
    scrollTo(0);
    $("forget").focus();
  }

  /* ---- controls ---- */

  function fitInput() {
    input.style.height = "auto";
    input.style.height = Math.min(input.scrollHeight + 2, 144) + "px";
  }

  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = input.value.trim();
    input.focus();
    if (!words) return;
    input.value = "";
    fitInput();
    send({ kind: "text", text: words });
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("composer").requestSubmit ? $("composer").requestSubmit() : $("send").click();
  });
  input.addEventListener("input", fitInput);
  $("start").addEventListener("click", () => { send({ kind: "start" }); input.focus(); });
  $("menu").addEventListener("click", () => send({ kind: "quick_reply", quick_reply: "command:menu", text: text("menu") }));
  $("locale").addEventListener("change", (event) => {
    locale = event.target.value;
    $("offline").textContent = isUnreachable ? text("offline") : "";
    remember(localStorage, LOCALE_KEY, locale);
    showLocale();
  });
  $("forget").addEventListener("click", () => {
    if ($("confirm").showModal) $("confirm").showModal();
    else if (confirm(text("forget_title") + "\n" + text("forget_text"))) forget();
  });
  $("keep").addEventListener("click", () => $("confirm").close());
  $("erase").addEventListener("click", forget);
  addEventListener("online", () => { attempts = 0; setUnreachable(false); sendNext(); listen(); });
  addEventListener("offline", () => setUnreachable(true));
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenTimer);
    if (document.hidden) hiddenTimer = setTimeout(stopListening, HIDDEN_MS);
    else listen();
  });

  (async () => {
    locale = pickLocale();
    showLocale();
    await loadHistory();
    $("start").hidden = log.childElementCount > 0;
    restoreUnsent();
    if (!navigator.onLine) setUnreachable(true);
    listen();
  })();
})();
