/* Keeps the page fresh: waits for news, fetches the same page, and changes only what differs.
   Without this script the page works and is as old as its loading. ES2017, no library. */
(function () {
  "use strict";
  var body = document.body;
  var lamp = document.getElementById("live");
  var cursor = body.getAttribute("data-live");
  var LEAST_MS = 1000;      // between two refreshes, however much happens
  var OFTEN_MS = 30000;     // durations and "last seen" grow old by themselves

  function show(text, stale) {
    if (!lamp) { return; }
    lamp.textContent = text;
    lamp.classList.toggle("stale", stale);
  }

  function pause(ms) { return new Promise(function (done) { setTimeout(done, ms); }); }

  /* Make `old` look like `fresh`, keeping nodes that are alike, so that nothing flickers, no picture
     loads twice, and no focus or typed text is lost. Elements with data-keep stay while it is equal. */
  function morph(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
      old.parentNode.replaceChild(document.importNode(fresh, true), old);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) { old.nodeValue = fresh.nodeValue; }
      return;
    }
    var keep = old.getAttribute("data-keep");
    if (keep !== null && keep === fresh.getAttribute("data-keep")) { return; }
    Array.from(old.attributes).forEach(function (a) {
      if (!fresh.hasAttribute(a.name)) { old.removeAttribute(a.name); }
    });
    Array.from(fresh.attributes).forEach(function (a) {
      if (old.getAttribute(a.name) !== a.value) { old.setAttribute(a.name, a.value); }
    });
    morphChildren(old, fresh);
  }

  function keyOf(node) {
    return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
  }

  function morphChildren(old, fresh) {
    var byKey = {};
    Array.from(old.childNodes).forEach(function (node) {
      var key = keyOf(node);
      if (key) { byKey[key] = node; }
    });
    var place = old.firstChild;
    Array.from(fresh.childNodes).forEach(function (wanted) {
      var key = keyOf(wanted);
      var match = key ? byKey[key] : null;
      if (match) {
        if (match !== place) { old.insertBefore(match, place); } else { place = place.nextSibling; }
        morph(match, wanted);
        return;
      }
      if (key || !place || keyOf(place)) {
        old.insertBefore(document.importNode(wanted, true), place);
        return;
      }
      var here = place;
      place = place.nextSibling;
      morph(here, wanted);
    });
    while (place) {
      var next = place.nextSibling;
      old.removeChild(place);
      place = next;
    }
  }

  async function refresh() {
    var answer = await fetch(location.href, { credentials: "same-origin", headers: { "X-Refresh": "1" } });
    if (answer.redirected || answer.status === 401) { location.reload(); return; }
    if (!answer.ok) { throw new Error(String(answer.status)); }
    var page = new DOMParser().parseFromString(await answer.text(), "text/html");
    var problem = document.querySelector(".problem");
    if (!problem) { morph(document.getElementById("main"), page.getElementById("main")); }
    document.title = page.title;
    var time = page.getElementById("live");
    if (time) { show(body.getAttribute("data-live-word") + " " + time.textContent, false); }
  }

  async function news() {
    var url = "/live?cursor=" + encodeURIComponent(cursor) + "&wait_s=20";
    var answer = await fetch(url, { credentials: "same-origin" });
    if (answer.status === 401) { location.reload(); return false; }
    if (!answer.ok) { throw new Error(String(answer.status)); }
    var found = await answer.json();
    cursor = found.next;
    return found.changed;
  }

  async function loop() {
    var fresh = Date.now();
    var failures = 0;
    for (;;) {
      if (document.hidden) { await pause(1000); continue; }
      try {
        var changed = await news();
        if (changed || failures || Date.now() - fresh >= OFTEN_MS - 20000) {
          await refresh();
          fresh = Date.now();
        }
        failures = 0;
        await pause(LEAST_MS);
      } catch (error) {
        failures += 1;
        show(body.getAttribute("data-stale-word"), true);
        await pause(Math.min(15000, 1000 * Math.pow(2, failures) * (0.5 + Math.random())));
      }
    }
  }

  if (cursor && window.fetch && window.DOMParser) { loop(); }
})();
