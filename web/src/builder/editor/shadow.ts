/**
 * A shadow root for CodeMirror. The editor adds its styles there as adopted sheets, which a policy without
 * 'unsafe-inline' allows; into a page it would add <style> tags.
 */
export function shadowOf(host: HTMLElement): ShadowRoot {
  return host.shadowRoot ?? host.attachShadow({ mode: 'open' });
}
