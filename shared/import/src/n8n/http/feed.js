const plain = s => s?.replace(/<!\[CDATA\[([\s\S]*?)\]\]>/g, '$1').replace(/&lt;/g, '\x3c').replace(/&gt;/g, '>')
  .replace(/&quot;/g, '"').replace(/&#39;|&apos;/g, "'").replace(/&amp;/g, '&').trim();
const inner = (entry, name) => plain(new RegExp('[<]' + name + '(?: [^>]*)?>([\\s\\S]*?)[<]/' + name + '>').exec(entry)?.[1]);
const entries = text.match(/[<](item|entry)[ >][\s\S]*?[<]\/\1>/g) ?? [];
return entries.map(entry => {
  const content = inner(entry, 'content:encoded') ?? inner(entry, 'content') ?? inner(entry, 'description') ?? inner(entry, 'summary');
  const date = inner(entry, 'pubDate') ?? inner(entry, 'published') ?? inner(entry, 'updated');
  return {
    title: inner(entry, 'title'), link: inner(entry, 'link') || /[<]link[^>]*href="([^"]*)"/.exec(entry)?.[1],
    pubDate: date, isoDate: date && !Number.isNaN(Date.parse(date)) ? new Date(date).toISOString() : undefined,
    guid: inner(entry, 'guid') ?? inner(entry, 'id'), creator: inner(entry, 'dc:creator') ?? inner(entry, 'author'),
    content, contentSnippet: content?.replace(/[<][^>]*>/g, '').trim(),
  };
});
