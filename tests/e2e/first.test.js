// SPDX-License-Identifier: Apache-2.0
// The first minutes: lines to copy, and what is shown while data flows.
'use strict'
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

const folder = path.join(t.scratch, 'bin')
fs.mkdirSync(folder)
fs.symlinkSync(process.env.HSFWD_BINARY, path.join(folder, 'hsfwd'))
// Where what is printed is typed.
const SHELL = { PATH: `${folder}:${process.env.PATH}` }

/** A line as somebody types it who has another identity. */
function type (line, options = {}) {
  return new t.Program('sh', ['-c', 'exec ' + line.replace(/hsfwd (connect|pipe)/, '$& --name typist')], { env: SHELL, ...options })
}

t.test('the lines of expose are complete: copied as they are, they lead to the services', async () => {
  const { bootstrap } = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  const banner = await t.service((socket) => socket.end('SSH-2.0-here\r\n'), { port: 22 }).catch((error) => t.skip(`no port 22: ${error.message}`))
  const args = ['expose', `web=${hello.port}`, `shell=${banner.port}`, '--bootstrap', bootstrap]
  const expose = t.hsfwd(args)
  await t.until(() => /\nssh with: .*\n/.test(expose.text()), 'the lines')
  const lines = expose.text().trim().split('\n').slice(3)
  t.equal(lines.map((line) => line.split(':')[0]).join(), 'connect with,ssh with', `no more lines than these: ${expose.text()}`)
  const [connect, ssh] = lines.map((line) => line.slice(line.indexOf(': ') + 2))
  const client = type(connect)
  await t.until(() => /service shell\n/.test(client.text()), 'both ports')
  const ports = [...client.text().matchAll(/ready: 127\.0\.0\.1:(\d+)/g)].map((match) => Number(match[1]))
  const heard = await Promise.all(ports.map(async (port) => (await t.readAll(await t.connect(port))).toString()))
  t.equal(heard.join(), 'hello,SSH-2.0-here\r\n', 'the services')
  await client.kill()
  // What ssh does with it.
  const proxy = /^ssh -o ProxyCommand='(.*)' \S+$/.exec(ssh)
  t.ok(proxy, `a line for ssh: ${ssh}`)
  const pipe = type(proxy[1])
  t.equal(await pipe.exited, 0, `exit code: ${pipe.stderr}`)
  t.equal(pipe.text(), 'SSH-2.0-here\r\n', 'what ssh would hear')
  await expose.kill()
  const listening = await t.hsfwd([...args, '--json']).event('listening')
  t.equal(listening.connect, connect, 'the same for scripts')
  t.equal(listening.ssh, ssh, 'that of ssh')
})

t.test('a file\'s bootstrap nodes are in the line as well, and keygen says what comes next', async () => {
  const { bootstrap } = await t.testnet()
  const config = path.join(t.scratch, 'lines.toml')
  fs.writeFileSync(config, `bootstrap = "${bootstrap}"\nidentity = "${path.join(t.scratch, 'lines')}"\n[[expose]]\nservices = "8080"\n`)
  const { connect, key, ssh } = await t.hsfwd(['up', '-c', config, '--json']).event('listening')
  t.equal(connect, `hsfwd connect ${key} -L 0 --bootstrap ${bootstrap}`, 'the line')
  t.equal(ssh, undefined, 'nothing for ssh')
  const made = await t.run(['keygen', '--name', 'it\'s new'])
  t.ok(made.stderr.includes(': hsfwd expose PORT --name \'it\'\\\'\'s new\'\n'), made.stderr)
  for (const words of [['-q'], ['--json']]) t.equal((await t.run(['keygen', ...words])).stderr, '', `keygen ${words}`)
})

t.test('HSFWD_IDENTITY may name a file; an option comes ahead of it', async () => {
  const file = path.join(t.scratch, 'named', 'identity')
  const env = { HSFWD_IDENTITY: file }
  const own = (await t.run(['keygen', '--json'], { env })).program.events[0]
  t.equal(own.file, file, 'where it is')
  t.equal((await t.run(['keygen'], { env })).stdout.trim(), own.key, 'the same again')
  t.equal((fs.statSync(file).mode & 0o777).toString(8), '600', 'its mode')
  const other = path.join(t.scratch, 'other-identity')
  t.equal((await t.run(['keygen', '--identity', other, '--json'], { env })).program.events[0].file, other, 'an option')
  fs.chmodSync(file, 0o644)
  const open = await t.run(['keygen'], { env })
  t.ok(open.code === 78 && open.stderr.includes(`identity ${file}: others can read it`), open.stderr)
  t.ok(/HSFWD_IDENTITY/.test((await t.run(['keygen', '--help'])).stdout), 'the help')
})

t.test('ping --until-direct ends when the path is direct, and fails where that cannot be', async () => {
  const { bootstrap } = await t.testnet()
  const expose = await t.hsfwd(['expose', '8080', '--bootstrap', bootstrap, '--json']).event('listening')
  const words = ['ping', '--until-direct', '--name', 'client', '--bootstrap', bootstrap]
  const ping = await t.run([...words, expose.key])
  t.equal(ping.code, 0, `exit code: ${ping.stderr}`)
  const said = ping.stdout.trim().split('\n')
  t.ok(/^direct after \d+ ms, [\d.]+:\d+$/.test(said.pop()), ping.stdout)
  t.ok(!/ sent, /.test(ping.stdout), 'no statistics')
  const events = (await t.run([...words, expose.key, '--json'])).program.events
  t.equal(events.map((e) => e.event).join(), 'connection,direct', 'events')
  t.equal(events[1].peer, expose.publicKey, 'of whom')
  // One that nobody answers for, in a network that waits longer than that for it.
  const silent = await t.run(['ping', expose.key, '--timeout', '0.3', '--name', 'client', ...t.NOBODY])
  t.equal(silent.code, 69, `nobody in time: ${silent.stderr}`)
  t.ok(/not connected within 0\.3 s/.test(silent.stderr), silent.stderr)
  const timed = await t.run(['ping', expose.key, '--timeout', '0.5', '-i', '0.1', '--name', 'client', '--bootstrap', bootstrap])
  t.equal(timed.code, 0, 'a time limit alone')
  t.ok(/ sent, \d+ answered/.test(timed.stdout), timed.stdout)
  t.equal((await t.run([...words, expose.key, '--timeout', '0'])).code, 2, 'no time at all')
})

t.test('pipe --progress: lines for a log, one line for a terminal, nothing with -q', async () => {
  const { bootstrap } = await t.testnet()
  const data = crypto.randomBytes(3_000_000)
  const service = await t.service((socket) => setTimeout(() => socket.end(data), 700))
  const { key } = await t.hsfwd(['expose', String(service.port), '--bootstrap', bootstrap, '--json']).event('listening')
  const words = ['pipe', key, '--name', 'client', '--bootstrap', bootstrap]
  const logged = await t.run([...words, '--progress'], { input: '' })
  t.ok(/^hsfwd: 3\.0 MB from the peer, 0 B to it, in \d+\.\d s \(.*\/s\); direct\n$/.test(logged.stderr), logged.stderr)
  t.equal(Buffer.concat(logged.program.stdout).length, data.length, 'the data')
  t.equal((await t.run([...words, '--progress', '-q'], { input: '' })).stderr, '', 'with -q')
  t.equal((await t.run(words, { input: '' })).stderr, '', 'without the option')
  const script = `"$0" ${words.join(' ')} --progress < /dev/null > ${path.join(t.scratch, 'out')}`
  const drawn = new t.Program('script', ['-qec', `sh -c '${script}' ${process.env.HSFWD_BINARY}`, '/dev/null'])
  t.equal(await drawn.exited, 0, `exit code: ${drawn.text()}`)
  t.ok(/\r\x1b\[K0 B from the peer, 0 B\/s; 0 B to it, 0 B\/s; direct\r\x1b\[K/.test(drawn.text()), JSON.stringify(drawn.text()))
  t.ok(/\r\x1b\[Khsfwd: 3\.0 MB from the peer, .*\r\n$/.test(drawn.text()), JSON.stringify(drawn.text()))
})
