// Parts of a page that are told when they are old, by one stream of server-sent events. Such a part asks for itself anew
// by htmx, at its own address. Without the stream (no place left, or no script) it asks by the clock, or on reloading.
"use strict";
{
  const AGAIN_MS = 30000;
  let source = null;
  let timer = 0;
  let listening = "";

  const parts = () => [...document.querySelectorAll("[data-live]")];
  const nameOf = (part) => part.dataset.live.split("~")[0];
  const wanted = () => [...new Map(parts().map((part) => [nameOf(part), part.dataset.live])).values()];

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
    listening = "";
    delete document.documentElement.dataset.isLive;
  }

  function open() {
    close();
    const on = wanted();
    if (document.hidden || !on.length) return;
    listening = parts().map(nameOf).sort().join();
    source = new EventSource(`/live?${new URLSearchParams(on.map((name) => ["on", name]))}`);
    source.onopen = () => { document.documentElement.dataset.isLive = ""; };
    source.onerror = () => { // the end of a stream, after which the browser comes again; or a refusal, after which we do
      delete document.documentElement.dataset.isLive;
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    };
    source.addEventListener("changed", (event) => {
      for (const part of parts()) if (nameOf(part) === event.data) htmx.trigger(part, "live");
    });
  }

  document.addEventListener("visibilitychange", open);
  addEventListener("pagehide", close);
  document.addEventListener("htmx:afterSettle", () => {
    if (listening && parts().map(nameOf).sort().join() !== listening) open();
  });
  open();
}
