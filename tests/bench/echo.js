// The echo node for `make bench`: each answer leaves at once.
require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { src, dest, body } = JSON.parse(line);
    const reply = { type: body.type + "_ok", in_reply_to: body.msg_id };
    if (body.type === "echo") reply.echo = body.echo;
    process.stdout.write(JSON.stringify({ src: dest, dest: src, body: reply }) + "\n");
  });
