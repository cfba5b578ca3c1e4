// @ts-check
// Remembers which sections of a lesson came into view, so that "Go on" leads back to the place. Says nothing, shows nothing.

const SEEN_MS = 1500;
const ANSWER_MS = 10000;

class ReadingProgress extends HTMLElement {
  connectedCallback() {
    const url = this.dataset.url;
    const heads = document.querySelectorAll(".prose h2[id]");
    if (!url || !heads.length || !("IntersectionObserver" in window)) return;
    /** @type {Map<Element, number>} */
    const waiting = new Map();
    this.observer = new IntersectionObserver((seen) => {
      for (const { target, isIntersecting } of seen) {
        window.clearTimeout(waiting.get(target));
        if (isIntersecting) waiting.set(target, window.setTimeout(() => this.send(url, target), SEEN_MS));
      }
    }, { rootMargin: "0px 0px -35% 0px" });
    for (const head of heads) this.observer.observe(head);
  }

  disconnectedCallback() {
    this.observer?.disconnect();
  }

  /** @param {string} url @param {Element} head */
  send(url, head) {
    this.observer?.unobserve(head);
    fetch(url, { method: "POST", body: new URLSearchParams({ section: head.id }), keepalive: true, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => this.observer?.observe(head));
  }
}

customElements.define("reading-progress", ReadingProgress);
