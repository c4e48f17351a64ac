/** The path that the server serves the console under, without a slash at its end. */
export const base = new URL(document.baseURI).pathname.replace(/\/$/, '');
