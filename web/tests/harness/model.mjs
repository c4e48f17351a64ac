// Stands in for OpenAI: streams an answer that fits what is asked, word by word, always the same to the same question.

const ANSWERS = [
  [/^Invoice/, '{"number":"INV-2041","supplier":"Nordlicht GmbH","total":129.5}'],
  [/^Story/, '{"chapters":["The light goes out","A song in the fog","Home before dawn"]}'],
  [/^Title/, 'The Keeper and the Whale'],
  [/^Chapter/, 'The keeper climbed the stairs with a lamp in each hand, and the sea below him was singing.'],
  [/^Brief/, 'A family business of 40 people that ships lamps to six countries; they changed their shop in spring.'],
  [/^Summary/, 'The shop opens at nine. On Saturdays it closes at two. Parcels can be left at the back door.'],
  [/^Blurb/, 'Boils a litre in three minutes, and looks good on any table.'],
];

/** Answers `POST /v1/chat/completions` with its stream. */
export async function answerAsModel(body, response) {
  const { model, messages } = JSON.parse(body);
  const question = textOf(messages.find(({ role }) => role === 'user').content);
  const answer = ANSWERS.find(([pattern]) => pattern.test(question))?.[1] ?? 'Yes.';
  const words = answer.split(/(?<= )/);
  const send = (more) => response.write(`data: ${JSON.stringify({ id: 'chatcmpl-1', model, ...more })}\n\n`);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const content of words) {
    send({ choices: [{ index: 0, delta: { content } }] });
    await new Promise((resolve) => setTimeout(resolve, 15 + (question.length % 30)));
  }
  const usage = { prompt_tokens: 180 + question.length, completion_tokens: 12 * words.length };
  send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
  send({ choices: [], usage: { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens } });
  response.end('data: [DONE]\n\n');
}

const textOf = (content) => (typeof content === 'string' ? content : content.map(({ text }) => text).join(''));
