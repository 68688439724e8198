// SPDX-License-Identifier: Apache-2.0
// The report for whoever looks for a fault: what is in it, and what never is.
'use strict'
const { execFileSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

let folders = 0
/** A user with a home, and programs of that name that print a text. */
function somebody (programs = {}) {
  const home = path.join(t.scratch, `report-${folders++}`)
  for (const part of ['bin', 'hsfwd']) fs.mkdirSync(path.join(home, part), { recursive: true })
  for (const [name, text] of Object.entries(programs)) {
    fs.writeFileSync(path.join(home, `${name}.txt`), text)
    fs.writeFileSync(path.join(home, 'bin', name), `#!/bin/sh\necho "$@"\ncat '${home}/${name}.txt'\n`, { mode: 0o755 })
  }
  const env = { HOME: home, PATH: `${home}/bin:${process.env.PATH}` }
  for (const kind of ['CONFIG', 'STATE', 'CACHE', 'RUNTIME']) env[kind === 'RUNTIME' ? 'XDG_RUNTIME_DIR' : `XDG_${kind}_HOME`] = home
  return { home, env, config: path.join(home, 'hsfwd', 'hsfwd.toml') }
}

const parts = (text) => [...text.matchAll(/^== (.*)$/gm)].map((match) => match[1])
const secret = () => crypto.randomBytes(32).toString('hex')

t.test('a report has what is asked of whoever reports a fault, and no secret from anywhere', async () => {
  const { bootstrap } = await t.testnet()
  const planted = { file: secret(), peer: secret(), connection: secret(), environment: secret(), line: secret(), log: secret(), logged: secret(), words: 'correct-horse', said: 'hunter2' }
  const { home, env, config } = somebody({
    journalctl: `up[1]: connect hs://s000${planted.log} failed\nup[1]: identity ${planted.logged.toUpperCase()} or ${planted.logged}\nup[1]: proxy password=${planted.said}\n` +
      `up[1]: https://me:${planted.said}@proxy.example/\nup[1]: and of this one the end ${planted.file.slice(20)}\n`
  })
  const file = path.join(home, 'identity')
  fs.writeFileSync(file, planted.file + '\n', { mode: 0o600 })
  const { key } = (await t.run(['keygen', '--name', 'friend', '--json'], { env })).program.events[0]
  fs.writeFileSync(config, [
    `# my old identity was ${planted.file}, the password ${planted.words}`,
    `identity = "${file}"`, `bootstrap = "${bootstrap}"`,
    '[peer.friend]', `key = "${key}" # ${planted.words}`,
    '[peer.office]', `key = "hs://s000${planted.peer}"`,
    '[[expose]]', 'services = ["web=8080"]', 'allow = ["friend"]',
    '[[connect]]', 'peer = "office"', 'listen = "0"'
  ].join('\n') + '\n', { mode: 0o600 })
  env.HSFWD_IDENTITY = planted.environment
  const up = t.hsfwd(['up', '--json'], { env })
  const own = await up.event('listening')
  t.hsfwd(['connect', `hs://s000${planted.line}`, '-L', '0', '--wait', '--name', 'x', '--bootstrap', bootstrap], { env })
  await t.until(async () => /hsfwd connect/.test((await t.run(['report', '-q'], { env })).stdout), 'the other program')

  const plain = await t.run(['report'], { env })
  t.equal(plain.code, 0, `exit code: ${plain.stderr}`)
  const hidden = await t.run(['report', '--hide-peers', '--json'], { env })
  const { text } = hidden.program.events[0]
  const all = plain.stdout + plain.stderr + text + hidden.stderr
  for (const [where, what] of Object.entries(planted)) {
    const pieces = what.length > 40 ? [what, what.slice(0, 36), what.slice(-36)] : [what]
    for (const piece of pieces) t.ok(!all.toLowerCase().includes(piece), `that of ${where} is in it: ${all}`)
  }
  t.equal(parts(plain.stdout).join(), `what this is,system,environment,running programs of this user,configuration ~/hsfwd/hsfwd.toml, without comments,version,netcheck,check,status,peers,why,recent events, of the journal`, 'its parts')
  for (const what of [/^kernel: Linux /m, /^hsfwd \d/m, /^verdict: /m, /^ok: 1 service exposed/m, /^HSFWD_IDENTITY is set$/m,
    /, made \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/m, new RegExp(`^key: +${own.key}$`, 'm'), /^services = \["web=8080"\]$/m,
    new RegExp(`_PID=${up.pid()}$`, 'm'), /connect hs:\/\/s\.\.\. failed/]) t.ok(what.test(plain.stdout), `${what} in ${plain.stdout}`)

  t.equal(parts(text).length, 12, 'the same parts')
  for (const who of [own.key, key, 'friend', 'office', bootstrap.replace('127.0.0.1', 'nobody')]) t.ok(!text.includes(who), `${who} in ${text}`)
  const label = /^\[peer\.(peer-\d)\]\nkey = "(peer-\d)"/m.exec(text)
  t.equal(label[1], label[2], 'a name and its key are one')
  t.ok(text.includes(`allow = ["${label[1]}"]`), 'wherever they stand')
})

t.test('a report goes into a file of this user alone, and over no other', async () => {
  const { env, home } = somebody({ journalctl: '' })
  const file = path.join(home, 'report.txt')
  const written = await t.run(['report', '-o', file, '--json'], { env: { ...env, HSFWD_BOOTSTRAP: (await t.testnet()).bootstrap } })
  t.equal(written.code, 0, `exit code: ${written.stderr}`)
  t.equal(JSON.stringify(written.program.events[0]), JSON.stringify({ event: 'report', file }), 'the event')
  t.equal((fs.statSync(file).mode & 0o777).toString(8), '600', 'its mode')
  const text = fs.readFileSync(file, 'utf8')
  t.ok(/== configuration\n\nno configuration file;/.test(text) && !/== status/.test(text), `without a configuration: ${text}`)
  const again = await t.run(['report', '-o', file], { env })
  t.ok(again.code === 1 && again.stderr.includes(`${file} is there already`), again.stderr)
  t.equal(fs.readFileSync(file, 'utf8'), text, 'it is left as it was')
  t.equal((await t.run(['report', '-c', '-'], { env })).code, 2, 'no file at all')
})

t.test('of a configuration all is shown that the program knows, but what is called a secret', async () => {
  const { env, config } = somebody({ journalctl: '' })
  const example = fs.readFileSync(path.join(__dirname, '..', '..', 'config/example.toml'), 'utf8').replace(/^# ?(?=\[+[a-zA-Z.]+\]+$|[a-z_]+ = )/gm, '')
    .replace(/^bootstrap = .*$/m, `bootstrap = "${(await t.testnet()).bootstrap}"`)
  fs.writeFileSync(config, example)
  const { stdout } = await t.run(['report'], { env })
  const shown = /== configuration.*\n\n([^]*?)\n== /.exec(stdout)[1]
  t.ok(shown.split('\n').filter((line) => line.includes(' = ')).length > 30, `values: ${shown}`)
  const left = shown.split('\n').filter((line) => line.includes('(left out)')).map((line) => line.trim())
  t.equal(left.join(), 'secret_file = (left out)', 'what is left out')
})

t.test('without a network, and with a configuration that is none, there is a report as well', async () => {
  const { env, config, home } = somebody()
  // A path with nothing but what starts the program.
  fs.symlinkSync(execFileSync('which', ['setpriv'], { encoding: 'utf8' }).trim(), path.join(home, 'bin', 'setpriv'))
  fs.writeFileSync(config, 'bootstrap = "192.0.2.1:49737"\n[[expose]]\nservices = "80\n')
  const began = Date.now()
  const { code, stdout, stderr } = await t.run(['report'], { env: { ...env, PATH: path.join(home, 'bin'), HSFWD_BOOTSTRAP: '192.0.2.1:49737' } })
  t.equal(code, 0, `exit code: ${stderr}`)
  t.ok(Date.now() - began < 28000, 'in time')
  t.ok(/^ {2}192\.0\.2\.1:49737 +no answer$/m.test(stdout), `the network: ${stdout}`)
  t.ok(/hsfwd\.toml:3: /.test(stdout) && /^services = \(left out\)$/m.test(stdout), `the mistake: ${stdout}`)
  t.ok(/no hsfwd up runs/.test(stdout), 'that nothing runs')
  t.ok(/== recent events, of the journal\n\n\(it is not there\)$/m.test(stdout), 'that there is no journal')
})
