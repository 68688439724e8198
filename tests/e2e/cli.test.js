// SPDX-License-Identifier: Apache-2.0
// What the program says, and how it ends, when something is wrong: one line that names the file, line,
// option or value and what would be right, the exit code scripts rely on, and nothing half done.
'use strict'
const { spawnSync } = require('node:child_process')
const dgram = require('node:dgram')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const t = require('../support/harness')

const KEY = 'a5fabdae507f53380ce09fa7f0bd4fb85e7ed5e7f6c62bba92829335dffa96bd'
// TEST-NET-1: nobody answers there.
const NOBODY = '192.0.2.1:49737'

let files = 0
/** A file with that content, and that mode. */
function file (content, mode = 0o600) {
  const name = path.join(t.scratch, `file-${files++}`)
  fs.writeFileSync(name, content, { mode })
  fs.chmodSync(name, mode)
  return name
}

/**
 * Fails as wanted, for people and for scripts. Without `--json` nothing goes to standard output, and
 * with it nothing of a pipe, whose standard output is the service's.
 */
async function fails (args, code, says, event, options) {
  const plain = await t.run(args, options)
  t.equal(plain.code, code, `exit code of ${args.join(' ')} (${plain.stderr})`)
  t.ok(says.test(plain.stderr), `${args.join(' ')} says ${says}: ${plain.stderr}`)
  t.ok(/^hsfwd: .+\n$/.test(plain.stderr), `one line: ${plain.stderr}`)
  t.equal(plain.stdout, '', 'standard output')
  const json = await t.run([...args, '--json'], options)
  t.equal(json.code, code, 'exit code with --json')
  if (args[0] === 'pipe') {
    t.equal(json.stdout, '', 'standard output of a pipe')
    t.equal(json.stderr, plain.stderr, 'what it says with --json')
    return
  }
  const errors = json.program.events.filter((e) => e.event === 'error')
  t.equal(errors.length, 1, `error events: ${json.stdout}`)
  t.equal(errors[0].code, event, 'code of the event')
  t.equal(`hsfwd: ${errors[0].message}\n`, json.stderr, 'the event says what standard error says')
}

t.test('usage: help for everything, and a hint for what is not understood', async () => {
  for (const args of [['--help'], ['-h'], ['help']]) {
    const help = await t.run(args)
    t.equal(help.code, 0, 'exit code of help')
    t.ok(help.stdout.startsWith('usage: hsfwd COMMAND'), help.stdout)
  }
  const commands = [...(await t.run(['--help'])).stdout.matchAll(/^  ([a-z]+) /gm)].map((match) => match[1])
  for (const command of ['expose', 'connect', 'pipe', 'up', 'check', 'status', 'peers', 'page', 'reload', 'down', 'keygen', 'lookup', 'node', 'testnet']) {
    t.ok(commands.includes(command), `help lists ${command}`)
  }
  for (const command of commands) {
    const help = await t.run([command, '--help'])
    t.equal(help.code, 0, `exit code of ${command} --help`)
    t.ok(help.stdout.startsWith(`usage: hsfwd ${command}`), `${command} --help says how: ${help.stdout}`)
    t.ok(help.stdout.includes('--verbose'), `${command} --help lists flags`)
    t.equal(help.stdout.includes('--json'), command !== 'run', `${command} --help lists --json`)
    t.equal(help.stderr, '', 'standard error')
    await fails([command, '--frobnicate'], 2, /--frobnicate.*usage: hsfwd /, 'USAGE')
  }
  const eventless = await t.run(['run', '--json', '--', 'true'])
  t.equal(`${eventless.code} ${eventless.stderr}`, '2 hsfwd: run has no events: leave out --json\n', 'run --json')
  const version = await t.run(['--version'])
  t.equal(version.code, 0, 'exit code of --version')
  t.ok(/^hsfwd \d+\.\d+\.\d+\n$/.test(version.stdout), version.stdout)
  const nothing = await t.run([])
  t.equal(nothing.code, 2, 'exit code without a command')
  t.ok(nothing.stderr.startsWith('usage: hsfwd COMMAND'), nothing.stderr)
  await fails(['exposes', '80'], 2, /'exposes'; did you mean 'expose'\?.*--help/, 'USAGE')
  await fails(['frobnicate'], 2, /'frobnicate'; hsfwd --help/, 'USAGE')
  await fails(['help', 'frobnicate'], 2, /'frobnicate'/, 'USAGE')
  t.equal((await t.run(['-V'])).stdout, version.stdout, '-V')
  for (const words of [['help', 'ping'], ['--help', 'ping']]) {
    const help = await t.run(words)
    t.equal(help.code, 0, `exit code of ${words.join(' ')}`)
    t.ok(help.stdout.startsWith('usage: hsfwd ping'), help.stdout)
  }
})

t.test('the manual page and the README know every command, and the page every option', async () => {
  const text = (name) => fs.readFileSync(path.join(__dirname, '..', '..', name), 'utf8')
  const page = text('docs/man/hsfwd.1').replaceAll('\\-', '-')
  const synopsis = page.slice(page.indexOf('.SH SYNOPSIS'), page.indexOf('.SH DESCRIPTION'))
  const described = page.slice(page.indexOf('.SH COMMANDS'))
  const readme = text('README.md')
  for (const [, command] of (await t.run(['--help'])).stdout.matchAll(/^  ([a-z]+) /gm)) {
    const word = new RegExp(`\\b${command}\\b`)
    t.ok(word.test(synopsis) && word.test(described), `the page knows ${command}`)
    t.ok(readme.includes('`' + command), `the README knows ${command}`)
    for (const [option] of (await t.run([command, '--help'])).stdout.matchAll(/--[a-z-]+/g)) {
      t.ok(new RegExp(`${option}(?![a-z-])`).test(described), `the page knows ${option} of ${command}`)
    }
  }
})

/** What the page says of options: of each entry the names, and the commands that take them. */
function entriesOf (page) {
  const entries = []
  const section = page.slice(page.indexOf('.SH OPTIONS'), page.indexOf('.SH EXIT STATUS'))
  for (const text of section.split('\n.TP\n').slice(1)) {
    const [head, next, ...rest] = text.split('\n')
    const listed = next.startsWith('.RB (') && !next.includes('the same commands')
    const same = next.includes('the same commands')
    const commands = listed ? [...next.matchAll(/[a-z]+(?: --[a-z]+)?/g)].map(([word]) => word.split(' ')[0]) : null
    entries.push({
      options: [...head.matchAll(/(?<![a-z-])--?[a-zA-Z][a-z-]*/g)].map(([word]) => word),
      commands: same ? entries[entries.length - 1].commands : commands,
      rest
    })
  }
  return entries
}

t.test('the manual page says of each option which commands take it, and of none that they do not', async () => {
  const page = fs.readFileSync(path.join(__dirname, '..', '..', 'docs/man/hsfwd.1'), 'utf8').replaceAll('\\-', '-')
  const entries = entriesOf(page)
  const paragraphs = page.slice(page.indexOf('.SH COMMANDS'), page.indexOf('.SH OPTIONS')).split('\n.TP\n').slice(1)
  const names = [...(await t.run(['--help'])).stdout.matchAll(/^  ([a-z]+) /gm)].map((match) => match[1])
  const taken = new Map()
  for (const command of names) {
    const help = (await t.run(['help', command])).stdout
    const options = [...help.slice(help.indexOf('options:')).matchAll(/^  (?:(-[a-zA-Z]) \[ )?(--[a-z-]+)/gm)]
      .flatMap(([, short, long]) => short ? [short, long] : [long])
    t.ok(options.includes('--help'), `options of ${command}: ${help}`)
    taken.set(command, options)
    const own = paragraphs.find((text) => new RegExp(`\\b${command}\\b`).test(text.split('\n')[0]))
    for (const option of options) {
      const word = new RegExp(`(?<![a-zA-Z-])${option}(?![a-z-])`)
      const entry = entries.some((one) => one.options.includes(option) && (one.commands === null || one.commands.includes(command)))
      t.ok(entry || word.test(own), `the page says that ${command} takes ${option}`)
    }
  }
  for (const { options, commands } of entries) {
    for (const command of commands || []) {
      for (const option of options) t.ok(taken.get(command).includes(option), `${command} takes ${option}, as the page says`)
    }
  }
})

t.test('the manual page of the configuration has each section with each of its keys, and no others', async () => {
  const page = fs.readFileSync(path.join(__dirname, '..', '..', 'docs/man/hsfwd.toml.5'), 'utf8')
  const example = fs.readFileSync(path.join(__dirname, '..', '..', 'config/example.toml'), 'utf8')
  const known = async (section) => {
    const { stderr } = await t.run(['check', '-c', '-'], { input: `${section}\nfrobnicate = 1\n` })
    return /known keys are (.+)/.exec(stderr)[1].split(', ')
  }
  const described = (header) => {
    const begin = page.indexOf(`\n.SH ${header}\n`)
    t.ok(begin >= 0, `the page has ${header}`)
    return [...page.slice(begin, page.indexOf('\n.SH ', begin + 1)).matchAll(/\n\.TP\n\.BR ([a-z_]+) " \([^\n]*\)"?\n/g)].map((match) => match[1])
  }
  const sections = new Map([['peer', '[peer.NAME]'], ['expose', '[[expose]]'], ['connect', '[[connect]]'], ['socks', '[[socks]]'],
    ['reverse', '[[reverse]]'], ['metrics', '[metrics]'], ['page', '[page]'], ['tun', '[tun]']])
  const top = await known('')
  const own = top.filter((key) => !sections.has(key))
  t.equal(described('THIS MACHINE').sort().join(), own.sort().join(), 'keys ahead of all sections')
  for (const [name, header] of sections) {
    t.ok(top.includes(name), `there is a section ${name}`)
    const keys = await known(header)
    t.equal(described(header).sort().join(), keys.sort().join(), `keys of ${header}`)
    for (const key of keys) t.ok(new RegExp(`^(# )?${key} =`, 'm').test(example), `the example shows ${key} of ${header}`)
  }
  t.equal(top.length, own.length + sections.size, 'sections')
  // What it shows is a file.
  const shown = page.slice(page.indexOf('.SH EXAMPLES')).split('.nf\n.RS\n')[1].split('.RE\n')[0]
  const check = await t.run(['check', '-c', '-'], { input: shown })
  t.equal(check.code, 0, check.stderr)
})

t.test('the manual pages are for groff alone, without a warning', async () => {
  const text = (file) => {
    const name = path.join(__dirname, '..', '..', 'docs/man', file)
    const page = fs.readFileSync(name, 'utf8')
    t.ok(!page.includes('.TS') && !page.startsWith("'\\\""), 'no preprocessor is needed')
    const groff = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-rLL=80n', name], { encoding: 'utf8' })
    if (groff.error) t.skip('there is no groff')
    t.equal(groff.stderr, '', `what groff says of ${file}`)
    t.equal(groff.status, 0, 'exit code of groff')
    return groff.stdout.replace(/.\x08/g, '').replace(/\x1b\[[0-9;]*m/g, '')
  }
  t.ok(/^ +75 +no DHT node answers/m.test(text('hsfwd.1')), 'each exit status has its line')
  t.ok(/^ +udp_idle \(integer, seconds; 300\)$/m.test(text('hsfwd.toml.5')), 'each key has its line')
})

t.test('words that make no sense are named', async () => {
  const identity = path.join(t.scratch, 'never-made')
  const more = ['--identity', identity]
  const cases = [
    [['connect', 'nonsense', '-L', '0'], /'nonsense' is neither a key nor the name of a peer/, 'BAD_KEY'],
    [['tun', KEY, '--interface', 'a/b'], /--interface: 'a\/b' is not a valid name of an interface: [^/]*$/, 'BAD_SPEC'],
    [['connect', KEY.slice(1), '-L', '0'], /is not a key; expected 64 hexadecimal digits/, 'BAD_KEY'],
    [['ping', KEY.slice(1)], /this has 63 characters, 1 too few/, 'BAD_KEY'],
    [['expose', '80', '--allow', KEY + '0'], /this has 65 characters, 1 too many/, 'BAD_KEY'],
    [['connect', KEY, '-L', '0', '--relay-through', KEY.slice(2)], /this has 62 characters, 2 too few/, 'BAD_KEY'],
    [['pipe', 'yry8'], /'yry8' is neither a key/, 'BAD_KEY'],
    [['expose', '80', '--allow', 'me'], /'me' is neither a key/, 'BAD_KEY'],
    [['connect', '-L', '0'], /which peer\?/, 'USAGE'],
    [['connect', KEY], /-L is missing/, 'USAGE'],
    [['connect', KEY, '-L', '70000'], /-L '70000': '70000' is not a valid port \(0-65535\)/, 'BAD_SPEC'],
    [['connect', KEY, '-L', '0:a b'], /'a b' is not a valid service name \(1 to 64 letters, digits, '-', '_' and '\.'\)/, 'BAD_SPEC'],
    [['pipe', KEY, 'a b'], /'a b' is not a valid service name \(1 to 64/, 'BAD_SERVICE'],
    [['expose', 'x'.repeat(10000)], /^hsfwd: .{60,300}$/m, 'BAD_TARGET'],
    [['x'.repeat(10000)], /^hsfwd: .{60,300}$/m, 'USAGE'],
    [['connect', KEY, '-L', '/tmp/x.sock'], /looks like a path; a unix socket is unix:PATH/, 'BAD_SPEC'],
    [['connect', KEY, '-L', 'unix:'], /path of the socket is missing/, 'BAD_SPEC'],
    [['expose'], /expose what\?/, 'USAGE'],
    [['expose', '0'], /'0' is not a valid port \(1-65535\)/, 'BAD_TARGET'],
    [['expose', '::1:80'], /brackets/, 'BAD_TARGET'],
    [['expose', 'http://localhost:3000'], /is a URL; write localhost:3000/, 'BAD_TARGET'],
    [['connect', KEY, '-L', '2222:localhost:22'], /2222:SERVICE/, 'BAD_SPEC'],
    [['connect', KEY, '2222'], /unexpected argument '2222'; for a local port, write -L 2222/, 'USAGE'],
    [['expose', 'a=80', 'a=81'], /two services are called 'a'/, 'BAD_TARGET'],
    [['expose', '80', '--bootstrap', 'nowhere'], /'nowhere': must be HOST:PORT/, 'USAGE'],
    [['expose', '80', '--bootstrap', '127.0.0.1:99999'], /'99999' is not a valid port \(1-65535\)/, 'USAGE'],
    [['expose', '80', '--port', 'x'], /--port x: must be 0 to 65535/, 'USAGE'],
    [['expose', '80', '--host', 'localhost'], /--host localhost: must be an IPv4 address/, 'USAGE'],
    [['expose', '80', '--log-format', 'xml'], /--log-format xml: must be text or json/, 'USAGE'],
    [['check', 'a.toml'], /unexpected argument 'a\.toml'; usage: hsfwd check/, 'USAGE', []],
    [['lookup', KEY, 'ssh', 'web'], /unexpected argument 'ssh'; usage: hsfwd lookup/, 'USAGE', []],
    [['pipe', KEY, 'ssh', 'web'], /unexpected argument 'web'; usage: hsfwd pipe/, 'USAGE'],
    [['pipe', KEY, '--identity', '-'], /standard input belongs to the service/, 'USAGE', []],
    [['keygen', '--name', ''], /--name is empty/, 'USAGE', []],
    [['keygen', '--identity', ''], /--identity is empty/, 'USAGE', []],
    [['expose', '80', '-v', '-q'], /--quiet and --verbose cannot be combined/, 'USAGE'],
    [['expose', '80', '--name', 'x'], /--identity and --name cannot be combined/, 'USAGE'],
    [['expose', '80', '--permit'], /--permit needs a value, and '--identity' is an option/, 'USAGE'],
    [['connect', KEY, '-D'], /-D needs a value, and '--identity' is an option/, 'USAGE'],
    [['connect', '-D', KEY], /it takes a local port; the peer is a word of its own: PEER -D 1080/, 'BAD_SPEC'],
    [['expose', '80', '--permit', 'alice: 80'], /--permit 'alice: 80': 'alice' is neither a key nor/, 'BAD_KEY'],
    [['expose', '80', '--permit', '*: 10.0.0.0/8'], /'10\.0\.0\.0\/8' is a destination without ports; write 10\.0\.0\.0\/8:80,443/, 'BAD_PERMIT'],
    [['expose', '80,proxi'], /',proxi' is not known; behind a TARGET there is ,proxy or nothing/, 'BAD_TARGET'],
    [['expose', '80', '--max-connections', '10', '--max-connections-per-key', '20'],
      /--max-connections-per-key 20 is more than there may be in all: 10, see --max-connections/, 'USAGE'],
    [['expose', '80', '--max-connections-per-key', '3000'], /3000 is more than there may be in all: 2048/, 'USAGE']
  ]
  for (const [args, says, event, rest = more] of cases) await fails([...args, ...rest], 2, says, event)
  await fails(['keygen', '--name', '../x'], 2, /--name/, 'USAGE')
  await fails(['lookup'], 2, /which peer\?/, 'USAGE')
  await fails(['lookup', 'x'], 2, /'x' is neither a key/, 'BAD_KEY')
  await fails(['testnet', '--size', '0'], 2, /--size 0/, 'USAGE')
  await fails(['testnet', '--host', 'here'], 2, /--host here/, 'USAGE')
  await fails(['node', '--first', '127.0.0.1', '--port', '0'], 2, /fixed --port/, 'USAGE')
  t.ok(!fs.existsSync(identity), 'no identity is made for a command that was not understood')
})

t.test('identities that cannot be used', async () => {
  const open = file(KEY + '\n', 0o644)
  const broken = file('not a seed\n')
  const under = path.join(file('a file'), 'identity')
  for (const command of [['expose', '80'], ['connect', KEY, '-L', '0'], ['pipe', KEY], ['keygen']]) {
    const args = (identity) => [...command, '--identity', identity]
    await fails(args(open), 78, new RegExp(`${open}.*others can read it \\(mode 0644\\).*chmod 600`), 'BAD_IDENTITY')
    await fails(args(broken), 78, new RegExp(`${broken}.*64 hexadecimal digits`), 'BAD_IDENTITY')
    await fails(args(t.scratch), 78, new RegExp(`${t.scratch}: is a directory`), 'BAD_IDENTITY')
    await fails(args(under), 78, new RegExp(under), 'BAD_IDENTITY')
  }
  t.equal(fs.readFileSync(open, 'utf8'), KEY + '\n', 'the file')
  t.equal(fs.readFileSync(broken, 'utf8'), 'not a seed\n', 'the broken file')
  await fails(['expose', '80', '--identity', '-'], 78, /standard input.*64 hexadecimal digits/, 'BAD_IDENTITY', { input: 'x\n' })
})

t.test('keygen: made once, kept to its owner, the same key every time', async () => {
  const name = path.join(t.scratch, 'some', 'where', 'identity')
  const first = await t.run(['keygen', '--identity', name, '--json'])
  t.equal(first.code, 0, first.stderr)
  const made = first.program.events[0]
  t.equal(made.event, 'identity', 'event')
  t.equal(made.created, true, 'created')
  t.equal(fs.statSync(name).mode & 0o777, 0o600, 'mode')
  const again = await t.run(['keygen', '--identity', name])
  t.equal(again.stdout, made.key + '\n', 'the same key, alone')
  t.equal(again.stderr, `hsfwd: its address in a network: ${made.address}\nhsfwd: to publish a service under it: hsfwd expose PORT --identity ${name}\n`, 'and its address and what comes next beside it')
  t.equal((await t.run(['keygen', '--identity', name, '-q'])).stderr, '', 'not if it is to be quiet')
  const piped = await t.run(['keygen', '--identity', '-'], { input: fs.readFileSync(name, 'utf8') })
  t.equal(piped.stdout, made.key + '\n', 'the same key from standard input')
})

t.test('one process at a time announces an identity', async () => {
  const net = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  const identity = path.join(t.scratch, 'shared-identity')
  const args = ['expose', String(hello.port), '--identity', identity, '--bootstrap', net.bootstrap]
  const first = t.hsfwd([...args, '--json'])
  await first.event('listening')
  await fails(args, 1, /shared-identity.*another hsfwd process.*--name/, 'IDENTITY_IN_USE')
  await first.kill('SIGKILL')
  const second = t.hsfwd([...args, '--json'])
  await second.event('listening')
})

t.test('nobody has the key: 69', async () => {
  const { bootstrap } = await t.testnet()
  const more = ['--bootstrap', bootstrap, '--name', 'client']
  const says = new RegExp(`${KEY}: nobody in the DHT knows this key`)
  await fails(['connect', KEY, '-L', '0', ...more], 69, says, 'PEER_NOT_FOUND')
  await fails(['pipe', KEY, ...more], 69, says, 'PEER_NOT_FOUND')
  await fails(['lookup', KEY, '--bootstrap', bootstrap], 69, says, 'PEER_NOT_FOUND')
})

t.test('no bootstrap node answers: 75', async () => {
  const more = ['--bootstrap', NOBODY, '--host', '127.0.0.1']
  const says = /no (DHT|bootstrap) node answers/
  await Promise.all([
    fails(['connect', KEY, '-L', '0', '--name', 'client', ...more], 75, says, 'NO_NETWORK'),
    fails(['pipe', KEY, '--name', 'client', ...more], 75, says, 'NO_NETWORK'),
    fails(['lookup', KEY, ...more], 75, says, 'NO_NETWORK'),
    fails(['node', ...more], 75, says, 'NO_NETWORK'),
    fails(['expose', '80', '--identity', path.join(t.scratch, 'lonely'), ...more], 75, says, 'NO_NETWORK')
  ])
})

/** A folder that everybody may enter, with a service's socket in it; `plan` writes a configuration there. */
async function openPlace () {
  const open = fs.mkdtempSync(path.join(os.tmpdir(), 'hsfwd-open-'))
  t.cleanups.push(() => fs.rmSync(open, { recursive: true }))
  fs.chmodSync(open, 0o755)
  const socket = path.join(open, 'service.sock')
  await t.service((stream) => stream.end(), { path: socket })
  fs.chmodSync(socket, 0o666)
  const plan = (services, more = '') => {
    const name = path.join(open, `plan-${files++}.toml`)
    fs.writeFileSync(name, `identity = "${path.join(open, 'none')}"\n${more}[[expose]]\nservices = ${JSON.stringify(services)}\n`, { mode: 0o644 })
    return name
  }
  return { open, socket, plan }
}

/** What `check` warns of. */
async function warnings (name, { command = t.BINARY, before = [], env = {} } = {}) {
  const program = new t.Program(command, [...before, 'check', '-c', name, '--json'], { env })
  t.equal(await program.exited, 0, `exit code: ${program.stderr}`)
  const messages = program.events.filter((event) => event.event === 'warning').map((event) => event.message)
  t.equal((await program.event('valid')).warnings, messages.length, 'how many')
  return messages
}

t.test('check warns of what cannot work at the moment, and of nothing else', async () => {
  const { open, socket, plan } = await openPlace()
  const works = await t.service((stream) => stream.end())
  const gone = path.join(open, 'gone.sock')
  const deaf = await t.freePort()
  t.equal((await warnings(plan([`web=${works.port}`, `sock=unix:${socket}`]))).length, 0, 'warnings of what works')

  const bad = plan([`web=${works.port}`, `deaf=${deaf}`, `gone=unix:${gone}`, 'name=nobody.invalid:80'], 'bootstrap = ["nowhere.invalid:49737"]\n')
  const found = await warnings(bad)
  const says = [
    new RegExp(`^service deaf: localhost:${deaf}: [Cc]onnection refused`),
    new RegExp(`^service gone: unix:${gone}: [Nn]o such file`),
    /^service name: nobody.invalid:80: (cannot be resolved|no answer in time)/,
    /^bootstrap nowhere.invalid: (the name does not resolve|no answer in time)/
  ]
  t.equal(found.length, says.length, `warnings: ${found}`)
  says.forEach((what, i) => t.ok(what.test(found[i]), `${what}: ${found[i]}`))
  const text = await t.run(['check', '-c', bad])
  t.equal(text.code, 0, 'exit code')
  t.equal(text.stdout, 'ok: 4 services exposed, 0 local addresses; 4 warnings\n', 'what is told people')
  t.equal(text.stderr.match(/^hsfwd: warning: /gm).length, 4, `lines of warnings: ${text.stderr}`)
  t.equal((await t.run(['check', '-c', bad, '-q'])).stderr, '', 'with -q')
})

t.test('check warns of what another user may not open', async () => {
  if (process.getuid() !== 0) t.skip('being two users takes root')
  const { open, socket, plan } = await openPlace()
  const works = await t.service((stream) => stream.end())
  fs.chmodSync(socket, 0o660)
  const kept = plan([`sock=unix:${socket}`])
  const [unit] = await warnings(kept)
  t.ok(/^service sock: .* is open only to root( and the group [a-z]+)? \(mode 0660\); the user of the systemd unit cannot open it$/.test(unit), `for root: ${unit}`)
  const binary = path.join(open, 'hsfwd')
  fs.copyFileSync(t.BINARY, binary)
  const [own] = await warnings(kept, { command: 'setpriv', before: ['--reuid', '65534', '--regid', '65534', '--clear-groups', binary] })
  t.ok(/^service sock: .*: [Pp]ermission denied/.test(own), `for who may not: ${own}`)

  const secret = path.join(open, 'identity')
  fs.writeFileSync(secret, KEY + '\n', { mode: 0o600 })
  const named = path.join(open, 'secret.toml')
  fs.writeFileSync(named, `identity = "${secret}"\n[[expose]]\nservices = ["${works.port}"]\n`)
  const [identity] = await warnings(named)
  t.ok(/^identity: .*identity is open only to root \(mode 0600\); the user of the systemd unit/.test(identity), `the identity: ${identity}`)

  // As root has it, whose default identity is not the unit's.
  const closed = path.join(open, 'closed')
  fs.mkdirSync(closed, { mode: 0o700 })
  const usual = path.join(open, 'usual.toml')
  fs.writeFileSync(usual, `[[expose]]\nservices = ["${works.port}"]\n`)
  t.equal((await warnings(usual, { env: { XDG_STATE_HOME: closed } })).join(), '', 'warnings without an identity in the file')
})

t.test('ports in use, and nothing is half applied', async () => {
  const { bootstrap } = await t.testnet()
  const taken = await t.service((socket) => socket.end())
  const free = await t.freePort()
  const udp = dgram.createSocket('udp4')
  await new Promise((resolve) => udp.bind(0, '127.0.0.1', resolve))
  t.cleanups.push(() => new Promise((resolve) => udp.close(resolve)))
  const more = ['--bootstrap', bootstrap, '--name', 'client']
  await fails(['connect', KEY, '-L', String(free), '-L', String(taken.port), ...more], 1,
    new RegExp(`cannot listen on 127.0.0.1:${taken.port}: [Aa]ddress already in use`), 'LISTEN_FAILED')
  await new Promise((resolve, reject) => {
    const probe = net.connect(free, '127.0.0.1')
    probe.on('connect', () => reject(new Error('the first port is still open')))
    probe.on('error', resolve)
  })
  const port = udp.address().port
  const says = new RegExp(`UDP port ${port} on 127.0.0.1 is in use`)
  await fails(['connect', KEY, '-L', '0', '--host', '127.0.0.1', '--port', String(port), ...more], 1, says, 'UDP_BIND_FAILED')
  await fails(['testnet', '--size', '2', '--port', String(port)], 1, says, 'UDP_BIND_FAILED')
})

t.test('a configuration with a mistake: file and line, 78, and nothing is started', async () => {
  const identity = path.join(t.scratch, 'up-identity')
  const head = `identity = "${identity}"\n`
  const cases = [
    ['identity = \n', 1, /./],
    [head + 'bootstrapp = []\n', 2, /unknown key 'bootstrapp'.*bootstrap/],
    [head + '[[expose]]\n', 2, /needs services/],
    [head + '[[expose]]\nservices = ["0"]\n', 3, /'0' is not a valid port \(1-65535\)/],
    [head + '[[expose]]\nservices = ["80"]\nallow = ["bob"]\n', 4, /'bob' is not a key.*\[peer\.NAME\]/],
    [head + '[[expose]]\nservices = ["80"]\n[[expose]]\nservices = ["81"]\n', 4, /same identity/],
    [head + '[[connect]]\nlisten = "0"\n', 2, /needs a peer/],
    [head + `[[connect]]\npeer = "${KEY}"\nlisten = ["0", "x:y:z"]\n`, 4, /'x:y:z'/],
    [head + `[[connect]]\npeer = "${KEY}"\nlisten = ["24901:echo"]\n[[connect]]\npeer = "${KEY}"\nlisten = ["24901:hash"]\n`,
      7, /127\.0\.0\.1:24901 is taken by another listen/],
    [head + 'port = "80"\n', 2, /'port' must be a whole number/],
    [head + 'port = 70000\n', 2, /port must be 0 to 65535/],
    [head + '[peer.bob]\nkey = "x"\n', 3, /'x' is not a key/]
  ]
  for (const [text, line, says] of cases) {
    const name = file(text)
    for (const command of ['check', 'up']) {
      await fails([command, '-c', name], 78, new RegExp(`^hsfwd: ${name}:${line}: .*${says.source}`), 'BAD_CONFIG')
    }
  }
  const broken = file('not a seed\n')
  for (const [text, where] of [
    [`\nidentity = "${broken}"\n[[expose]]\nservices = "80"\n`, ':2'],
    [head + `[[expose]]\nservices = "80"\nidentity = "${broken}"\n`, ':4']
  ]) {
    const name = file(text)
    for (const command of ['check', 'up']) {
      await fails([command, '-c', name], 78, new RegExp(`${name}${where}: identity ${broken}: is not 64`), 'BAD_IDENTITY')
    }
  }
  await fails(['check', '-c', '/nowhere/hsfwd.toml'], 78, /\/nowhere\/hsfwd.toml: cannot be read/, 'BAD_CONFIG')
  await fails(['check', '-c', file('')], 78, /nothing to do/, 'BAD_CONFIG')
  await fails(['check'], 78, /no configuration file; use -c FILE/, 'NO_CONFIG')
  t.ok(!fs.existsSync(identity), 'no identity is made')
  const good = file(head + '[[expose]]\nservices = ["80"]\n')
  const checked = await t.run(['check', '-c', good])
  t.equal(checked.code, 0, checked.stderr)
  t.ok(!fs.existsSync(identity), 'check makes nothing')
})

t.test('who is not let in is told what it may be', async () => {
  const net = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  const guest = (await t.run(['keygen', '--name', 'guest', '--json'])).program.events[0].publicKey
  const server = t.hsfwd(['expose', String(hello.port), '--allow', guest, '--bootstrap', net.bootstrap, '--json'])
  const { publicKey } = await server.event('listening')
  const more = ['--bootstrap', net.bootstrap]
  const welcome = await t.run(['pipe', publicKey, '--name', 'guest', ...more], { input: '' })
  t.equal(welcome.stdout, 'hello', 'who may, hears the service')
  const led = t.hsfwd(['connect', publicKey, '-L', '0', '--name', 'stranger', ...more, '--json'])
  const told = await led.event('error', { timeout: 30000 })
  t.equal(told.code, 'PEER_CONNECTION_FAILED', 'what connect says soon after the start')
  t.ok(/does not allow this key; listening anyway$/.test(told.message), told.message)
  t.equal(led.events.filter((e) => e.event === 'ready').length, 1, 'the local port is open')
  await led.kill()
  const strict = await t.run(['connect', publicKey, '-L', '0', '--exit-on-forward-failure', '--name', 'stranger', ...more, '--json'], { timeout: 30000 })
  t.equal(strict.code, 69, 'the exit code for scripts')
  t.equal(strict.program.events.filter((e) => e.event === 'ready').length, 0, 'nothing is ready then')
  await fails(['pipe', publicKey, '--name', 'stranger', ...more], 69, /does not allow this key/, 'PEER_CONNECTION_FAILED', { input: '' })
  t.equal(server.stderr.match(/refused/g)?.length, 1, `expose logs the refusal, once: ${server.stderr}`)
  t.equal(server.events.filter((e) => e.event === 'connection').length, 1, 'connections of the server')
})

/** Runs it through a shell, with redirections of its own. */
async function shell (args, redirections, options) {
  const program = new t.Program('/bin/sh', ['-c', `exec "$0" "$@" ${redirections}`, t.BINARY, ...args], options)
  await t.within(20000, `${args[0]} ${redirections} to end`, program.exited)
  return { code: program.code, stdout: program.text(), stderr: program.stderr }
}

t.test('started without a standard input, output or error output, all works that can', async () => {
  const net = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  const expose = t.hsfwd(['expose', String(hello.port), '--bootstrap', net.bootstrap, '--json'])
  const { publicKey } = await expose.event('listening')
  const more = ['--name', 'client', '--bootstrap', net.bootstrap]
  for (const args of [['lookup', publicKey, '--bootstrap', net.bootstrap], ['ping', publicKey, '-c', '1', ...more]]) {
    t.equal((await shell(args, '<&-')).code, 0, `${args[0]} without input`)
    t.equal((await shell(args, '2>&-')).code, 0, `${args[0]} without error output`)
    const mute = await shell(args, '>&-')
    t.equal(mute.code, 1, `${args[0]} without output`)
    t.equal(mute.stderr, 'hsfwd: cannot write to standard output\n', 'what it says')
  }
  const pipe = await shell(['pipe', publicKey, ...more], '<&- 2>&-')
  t.equal(pipe.stdout, 'hello', 'pipe without input and error output')
  t.equal(pipe.code, 0, 'its exit code')
})

t.test('results that cannot be written are no success', async () => {
  for (const args of [['keygen', '--name', 'full', '-q'], ['--version'], ['help'], ['keygen', '--name', 'full', '--json']]) {
    const { code, stderr } = await shell(args, '>/dev/full')
    t.equal(code, 1, `${args.join(' ')} into a full disk`)
    t.equal(stderr, 'hsfwd: cannot write to standard output\n', 'what it says')
  }
  const net = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  const expose = t.hsfwd(['expose', String(hello.port), '--bootstrap', net.bootstrap, '--json'])
  const { publicKey } = await expose.event('listening')
  const ping = t.hsfwd(['ping', publicKey, '--name', 'client', '-i', '0.1', '--bootstrap', net.bootstrap])
  await ping.event('line')
  ping.child.stdout.destroy()
  t.equal(await t.within(10000, 'ping to end when nobody reads it', ping.exited), 1, 'exit code')
})

t.test('a relay tells its key in either form, with every event', async () => {
  const net = await t.testnet()
  const { publicKey, key } = (await t.run(['keygen', '--name', 'relay', '--json'])).program.events[0]
  const relay = t.hsfwd(['node', '--relay', '--name', 'relay', '--host', '127.0.0.1', '--bootstrap', net.bootstrap, '--json'])
  for (const name of ['ready', 'relaying']) {
    const event = await relay.event(name)
    t.equal(event.publicKey, publicKey, `publicKey of ${name}`)
    t.equal(event.key, key, `key of ${name}`)
  }
})

t.test('signals end every command with 128 + n', async () => {
  const net = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  const expose = t.hsfwd(['expose', String(hello.port), '--bootstrap', net.bootstrap, '--json'])
  const { publicKey } = await expose.event('listening')
  const connect = t.hsfwd(['connect', publicKey, '-L', '0', '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  await connect.event('ready')
  const up = t.hsfwd(['up', '--json', '-c', file(`identity = "${path.join(t.scratch, 'up-signal')}"\nbootstrap = "${net.bootstrap}"\n` +
    `[[connect]]\npeer = "${publicKey}"\nlisten = "0"\n`)])
  await up.event('ready')
  const node = t.hsfwd(['node', '--bootstrap', net.bootstrap, '--json'])
  await node.event('ready')
  const cases = [[up, 'SIGTERM', 143], [connect, 'SIGINT', 130], [node, 'SIGTERM', 143], [expose, 'SIGHUP', 129], [net.program, 'SIGINT', 130]]
  for (const [program, signal, code] of cases) {
    t.equal(await t.within(5000, `${program.name} to end`, program.kill(signal)), code, `${program.name} on ${signal}`)
    t.equal(program.stderr, '', 'nothing to complain about')
  }
})
