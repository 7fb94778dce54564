// Stands for `@rc-component/util/es/Dom/dynamicCSS` and for its copy in `@ant-design/icons` (see
// vite.config.ts): the same functions, writing into constructed style sheets. What they hand out is a `style` element that never enters the document.

interface Options {
  priority?: number;
  mark?: string;
  prepend?: boolean | 'queue';
}

interface Entry {
  sheet: CSSStyleSheet;
  handle: HTMLStyleElement;
  order: number;
  text: string;
}

const entries = new Map<string, Entry>();
/** The orders of `document.adoptedStyleSheets`, ascending. */
const orders: number[] = [];

function write(key: string, text: string, options: Options): HTMLStyleElement {
  const known = entries.get(key);
  if (known) {
    if (known.text !== text) {
      known.sheet.replaceSync(text);
      known.text = text;
    }
    return known.handle;
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  // Those that are to come first stand before all others, by priority and then as they arrive.
  const order = (options.prepend ? -1_000_000 : 0) + (options.priority ?? 0);
  const after = orders.findIndex((one) => one > order);
  const at = after < 0 ? orders.length : after;
  orders.splice(at, 0, order);
  // At once: what is laid out next is measured by it.
  document.adoptedStyleSheets.splice(at, 0, sheet);
  const handle = document.createElement('style');
  entries.set(key, { sheet, handle, order, text });
  return handle;
}

const keyOf = (key: string, options: Options) => `${options.mark ?? ''} ${key}`;

export function updateCSS(css: string, key: string, options: Options = {}): HTMLStyleElement {
  return write(keyOf(key, options), css, options);
}

export function injectCSS(css: string, options: Options = {}): HTMLStyleElement {
  return write(keyOf(css, options), css, options);
}

export function removeCSS(key: string, options: Options = {}): void {
  const entry = entries.get(keyOf(key, options));
  if (!entry) return;
  entries.delete(keyOf(key, options));
  const at = document.adoptedStyleSheets.indexOf(entry.sheet);
  document.adoptedStyleSheets.splice(at, 1);
  orders.splice(at, 1);
}

export function clearContainerCache(): void {
  // There is no container whose elements would have to be found again.
}

/** Of the icons' copy: nothing of the console lies in a shadow tree. */
export function getShadowRoot(_element: Node): ShadowRoot | null {
  return null;
}

/** Of the icons' copy. */
export function warningOnce(valid: boolean, message: string): void {
  if (!valid && import.meta.env.DEV) console.warn(message);
}
