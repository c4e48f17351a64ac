// A proxy that cuts every event stream in the middle of the frame after its second `chunk`. It prints its URL.
import { createServer, request } from 'node:http';

const target = new URL(process.argv[2]);

const server = createServer((incoming, answer) => {
  const { method, headers, url } = incoming;
  const call = request(new URL(url, target), { method, headers: { ...headers, host: target.host } }, (response) => {
    answer.writeHead(response.statusCode, response.headers);
    const isStream = response.headers['content-type']?.startsWith('text/event-stream');
    if (isStream) cut(response, answer);
    else response.pipe(answer);
  });
  call.on('error', () => answer.destroy());
  answer.on('close', () => call.destroy());
  incoming.pipe(call);
});

function cut(response, answer) {
  let sent = '';
  response.setEncoding('utf8');
  response.on('data', (text) => {
    sent += text;
    const second = sent.split('event: chunk').slice(0, 3).join('event: chunk').length;
    const end = sent.indexOf('\n\n', second) + 2;
    if (sent.split('event: chunk').length < 3 || end < 2) return answer.write(text);
    // What follows the second chunk is sent without its end.
    answer.write(text.slice(0, text.length - (sent.length - end)), () => answer.write('id: 1-9', () => answer.destroy()));
    response.destroy();
  });
  response.on('end', () => answer.end());
}

server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
