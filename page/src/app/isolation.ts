/**
 * Threads share memory only in pages that are cross-origin isolated, which two headers ask for. Where the host does not
 * send them a service worker adds them, which takes one reload; where that fails too, one thread draws the same pixels.
 */
const KEY = "stylegan-isolation";

/** True when the page is about to be loaded again, isolated. */
export async function isolate(): Promise<boolean> {
  if (crossOriginIsolated || !isSecureContext || !("serviceWorker" in navigator)) return false;
  try {
    // Once is enough: a page that is not isolated after one reload will not be after the next.
    if (sessionStorage.getItem(KEY) !== null) return false;
    const registration = await navigator.serviceWorker.register(new URL("isolation.js", document.baseURI));
    await active(registration);
    sessionStorage.setItem(KEY, "tried");
    location.reload();
    return true;
  } catch {
    return false;
  }
}

function active(registration: ServiceWorkerRegistration): Promise<void> {
  const worker = registration.active ?? registration.installing ?? registration.waiting;
  if (worker === null || worker.state === "activated") return Promise.resolve();
  return new Promise((resolve, reject) => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve();
      if (worker.state === "redundant") reject(new Error("the service worker was not installed"));
    });
  });
}
