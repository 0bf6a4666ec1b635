// Lets the scan page open without a network after its first visit (sw.js).

if (navigator.serviceWorker) {
  navigator.serviceWorker.register("/sw.js").then(() => navigator.serviceWorker.ready).then((registration) => {
    registration.active.postMessage({ keep: "/scan" });
  }).catch(() => {
    // No worker, no offline start; an open page keeps its scans all the same.
  });
}
