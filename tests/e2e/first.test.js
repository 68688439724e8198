// SPDX-License-Identifier: Apache-2.0
// The first minutes: lines to copy, and what is shown while data flows.
'use strict'
const { spawnSync } = require('node:child_process')
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

/** What a decoder reads in a code that was printed; `drawn`: how light what is drawn is, 0 to 255, on the contrary of that. */
function decode (text, drawn, ...options) {
  const rows = text.replace(/\x1b\[[\d;]*m/g, '').split(/\r?\n/).filter((row) => /^[█▀▄ ]{25,}$/.test(row))
  t.ok(rows.length > 10, `a picture: ${text}`)
  const pixels = rows.flatMap((row) => [[...row].map((c) => '█▀'.includes(c)), [...row].map((c) => '█▄'.includes(c))])
  const scale = 4
  const shown = (on) => on ? drawn : 255 - drawn
  // In the midst of a terminal of that colour.
  const wide = (pixels[0].length + 20) * scale
  const lines = Array.from({ length: (pixels.length + 20) * scale }, (_, y) => Buffer.from(Array.from({ length: wide }, (_, x) => {
    const row = pixels[Math.floor(y / scale) - 10]
    return shown(row !== undefined && row[Math.floor(x / scale) - 10] === true)
  })))
  const file = path.join(t.scratch, 'code.pgm')
  fs.writeFileSync(file, Buffer.concat([Buffer.from(`P5 ${wide} ${lines.length} 255\n`), ...lines]))
  const read = spawnSync('zbarimg', ['-q', '--raw', '--oneshot', ...options, file], { encoding: 'utf8' })
  if (read.error) t.skip(`no zbarimg: ${read.error.message}`)
  return read.stdout.trim()
}

t.test('--qr is read by a decoder, on a dark terminal, on a light one, in colour and without', async () => {
  const { bootstrap } = await t.testnet()
  const expose = t.hsfwd(['expose', '8080', '--qr', '--bootstrap', bootstrap])
  await t.until(() => /█\n*$/.test(expose.text()), 'the code')
  const [, line] = /^connect with: (.*)$/m.exec(expose.text())
  t.equal(decode(expose.text(), 255), line, 'on a dark terminal')
  t.equal(decode(expose.text(), 0, '-Stest-inverted'), line, 'on a light one that does not say so')
  const words = ['keygen', '--qr', '-q']
  const { key } = (await t.run(['keygen', '--json'])).program.events[0]
  t.equal(decode((await t.run(words, { env: { COLORFGBG: '0;15' } })).stdout, 0), key, 'on a light one that does')
  const on = (env) => new t.Program('script', ['-qec', `stty cols 80; "${process.env.HSFWD_BINARY}" ${words.join(' ')}`, '/dev/null'], { env: { TERM: 'xterm-256color', NO_COLOR: '', ...env } })
  const coloured = on({})
  await coloured.exited
  t.ok(coloured.text().includes('\x1b[38;5;16;48;5;231m'), 'colours of its own')
  t.equal(decode(coloured.text(), 0), key, 'in colour')
  const plain = on({ NO_COLOR: '1' })
  await plain.exited
  t.ok(!plain.text().includes('\x1b'), 'none with NO_COLOR')
  t.equal(decode(plain.text(), 255), key, 'without')
  const json = await t.run(['keygen', '--qr', '--json'])
  t.equal(`${json.program.events.length} ${json.program.events[0].key}`, `1 ${key}`, 'for scripts the text alone')
  t.ok(!(await t.run(words)).stdout.includes('\x1b'), 'nor for a file')
  const narrow = new t.Program('script', ['-qec', `stty cols 40; "${process.env.HSFWD_BINARY}" expose 8080 --qr --name narrow --bootstrap ${bootstrap}`, '/dev/null'])
  await t.until(() => /no QR code: it is \d+ columns wide, and the terminal has 40/.test(narrow.text()), 'that it does not fit')
})

t.test('times are UTC, wherever this machine is: of log lines in either format, and of events', async () => {
  const { bootstrap } = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const config = path.join(t.scratch, 'times.toml')
  fs.writeFileSync(config, `bootstrap = "${bootstrap}"\nidentity = "${path.join(t.scratch, 'times')}"\n[[expose]]\nservices = "${echo.port}"\n`)
  const env = { TZ: 'FAR-14' }  // 14 hours ahead
  const isNow = (time) => t.ok(Math.abs(Date.parse(time) - Date.now()) < 60000, `${time} is now`)
  for (const [format, pattern] of [['text', /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) warning /m], ['json', /^\{"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","level":"warning"/m]]) {
    const expose = t.hsfwd(['expose', String(await t.freePort()), '--log-format', format, '--name', format, '--bootstrap', bootstrap], { env })
    await t.until(() => pattern.test(expose.stderr), `a line in ${format}: ${expose.stderr}`)
    isNow(pattern.exec(expose.stderr)[1])
  }
  const up = t.hsfwd(['up', '-c', config, '--json'], { env })
  const { key } = await up.event('listening')
  t.hsfwd(['pipe', key, '--name', 'text', '--bootstrap', bootstrap], { stdin: 'pipe' })
  await up.event('connection')
  const peers = (await t.run(['peers', '-c', config, '--json'], { env })).program.events[0]
  t.ok(peers.sessions.length > 0, 'somebody is there')
  for (const { since } of [...peers.sessions, ...peers.connections]) {
    t.ok(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(since), since)
    isNow(since)
  }
  const { program } = await t.run(['report', '-c', config, '--json'], { env })
  isNow(/, made (\S+Z)\./.exec(program.events[0].text)[1])
})
