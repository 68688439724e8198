// SPDX-License-Identifier: Apache-2.0
// Places on the machine: local addresses that are not to be had, or not yet, sockets and who may use them,
// and what a path means.
'use strict'
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

const KEY = 'a5fabdae507f53380ce09fa7f0bd4fb85e7ed5e7f6c62bba92829335dffa96bd'

let files = 0
const fresh = (what) => path.join(t.scratch, `places-${what}-${files++}`)

/** A configuration file of its own identity. */
function config (bootstrap, text) {
  const name = fresh('config')
  const write = (text) => fs.writeFileSync(name, `identity = "${name}-identity"\nbootstrap = "${bootstrap}"\n${text}`)
  write(text)
  return { name, write }
}

const exposing = (services) => `[[expose]]\nservices = ${JSON.stringify(services)}\n`
const connecting = (peer, listen, more = '') => `[[connect]]\npeer = "${peer}"\nlisten = ${JSON.stringify(listen)}\n${more}`

async function ask (command, file) {
  const result = await t.run([command, '-c', file.name, '--json'])
  t.equal(result.program.events.length, 1, `events of ${command}: ${result.stdout}${result.stderr}`)
  return { exit: result.code, ...result.program.events[0] }
}

/** A network, and somebody in it who greets. */
async function greeted () {
  const network = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  const server = t.hsfwd(['expose', `hello=${hello.port}`, '--bootstrap', network.bootstrap, '--json'])
  const { publicKey } = await server.event('listening')
  return { network, hello, publicKey, more: ['--bootstrap', network.bootstrap, '--name', 'client'] }
}

const greeting = async (options) => (await t.readAll(await t.connect(0, options))).toString()
const lines = (text) => text.split('\n').filter((line) => line !== '')

t.test('up runs without local addresses that are taken or not there, says so once, and opens them once it can', async () => {
  const s = await greeted()
  const [one, two] = [await t.service((socket) => socket.end('other')), await t.service((socket) => socket.end('other'), { host: '::1' })]
  const free = await t.freePort()
  const folder = fresh('folder')
  const inFolder = path.join(folder, 'a socket')
  const file = config(s.network.bootstrap, exposing([`echo=${s.hello.port}`]) +
    connecting(s.publicKey, [`${one.port}:hello`, `[::1]:${two.port}`, `${free}:hello`, `unix:${inFolder}:hello`]))
  const up = t.hsfwd(['up', '-c', file.name, '--json'])
  await up.event('listening')
  await up.event('ready', { matches: (e) => e.listen === `127.0.0.1:${free}` })
  t.equal(await greeting({ port: free }), 'hello', 'through the port that was free')

  const missing = [`127.0.0.1:${one.port}`, `[::1]:${two.port}`, `unix:${inFolder}`]
  const reasons = [/^Address already in use/, /^Address already in use/, /^No such file or directory: its folder does not exist/]
  t.equal(lines(up.stderr).length, 3, `a line for each: ${up.stderr}`)
  for (const [i, where] of missing.entries()) {
    const line = lines(up.stderr).find((line) => line.includes(` ${where} (for `))
    t.ok(/^hsfwd: cannot listen on .* \(for .*\): .*; trying again$/.test(line), `what, where, why: ${up.stderr}`)
    t.ok(reasons[i].test(line.split(': ').slice(2).join(': ')), line)
  }
  t.equal(up.events.filter((e) => e.event === 'error' && e.code === 'LISTEN_FAILED').length, 3, 'error events')
  const { connects } = await ask('status', file)
  for (const connect of connects) {
    const i = missing.indexOf(connect.listen)
    if (i < 0) t.ok(!('problem' in connect), `no problem with ${connect.listen}`)
    else t.ok(reasons[i].test(connect.problem), `${connect.listen}: ${connect.problem}`)
  }
  const status = (await t.run(['status', '-c', file.name], { env: { COLUMNS: '200' } })).stdout
  for (const where of missing) {
    t.ok(new RegExp(`\\n${where.replace(/[[\]]/g, '\\$&')} .* not open `).test(status), `${where} in the table: ${status}`)
    t.ok(new RegExp(`(^|\n)error: .*${where.replace(/[[\]]/g, '\\$&')}.*: not open, for \\d+ s\n  why: `).test(status), `why ${where} is not there: ${status}`)
  }

  // A reload is not refused for what is waited for already, and goes on waiting for it.
  file.write(exposing([`echo=${s.hello.port}`]) +
    connecting(s.publicKey, [`unix:${inFolder}:hello`, `${one.port}:hello`, `[::1]:${two.port}`]))
  const reloaded = await ask('reload', file)
  t.equal(`${reloaded.kept} ${reloaded.stopped}`, '4 1', `what a reload did: ${JSON.stringify(reloaded)}`)

  await Promise.all([one.stop(), two.stop()])
  fs.mkdirSync(folder)
  for (const listen of missing) await up.event('ready', { matches: (e) => e.listen === listen })
  for (const options of [{ port: one.port }, { port: two.port, host: '::1' }, { path: inFolder }]) {
    t.equal(await greeting(options), 'hello', `through ${JSON.stringify(options)}`)
  }
  t.equal(lines(up.stderr).length, 3, `no line a try: ${up.stderr}`)
  t.ok((await ask('status', file)).connects.every((connect) => !('problem' in connect)), 'no problems in the status')
  t.equal(await up.kill(), 143, 'exit code')
  t.ok(!fs.existsSync(inFolder), 'the socket is gone')
})

t.test('an address that comes later', async () => {
  const there = (...words) => spawnSync('ip', ['addr', ...words, '10.213.77.9/32', 'dev', 'lo']).status === 0
  if (!there('add')) t.skip('no address can be given to this machine')
  t.cleanups.push(() => there('del'))
  there('del')
  const s = await greeted()
  const port = await t.freePort()
  const file = config(s.network.bootstrap, connecting(s.publicKey, [`10.213.77.9:${port}`, '0']))
  const up = t.hsfwd(['up', '-c', file.name, '--json'])
  t.ok(/^Cannot assign requested address: not an address of this machine/.test(
    (await up.event('error')).message.split(': ').slice(1).join(': ')), up.stderr)
  there('add')
  await up.event('ready', { matches: (e) => e.listen === `10.213.77.9:${port}` })
  t.equal(await greeting({ host: '10.213.77.9', port }), 'hello', 'through the address')
})

t.test('a port that takes a capability', async () => {
  if (Number(fs.readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')) <= 80) t.skip('no port does here')
  const { bootstrap } = await t.testnet()
  const file = config(bootstrap, exposing(['1']) + connecting(KEY, '80'))
  const without = process.getuid() === 0 ? ['setpriv', '--bounding-set', '-net_bind_service', '--'] : []
  const [program, ...words] = [...without, t.BINARY, 'up', '-c', file.name, '--json']
  const up = new t.Program(program, words)
  t.ok(/Permission denied: a port below 1024 needs root or CAP_NET_BIND_SERVICE; trying again/.test((await up.event('error')).message), up.stderr)
  await up.event('listening')
})

t.test('nothing could start: one line, and the end', async () => {
  const { bootstrap } = await t.testnet()
  const taken = [await t.service((socket) => socket.end()), await t.service((socket) => socket.end())]
  const file = config(bootstrap, connecting(KEY, taken.map((service) => String(service.port))))
  const up = await t.run(['up', '-c', file.name, '--json'])
  t.equal(up.code, 1, `exit code: ${up.stderr}`)
  t.equal(up.program.events.map((e) => `${e.event} ${e.code}`).join(), 'error LISTEN_FAILED', 'events')
  for (const { port } of taken) t.ok(up.stderr.includes(`127.0.0.1:${port}: Address already in use`), up.stderr)
  t.equal(lines(up.stderr).length, 1, `one line: ${up.stderr}`)
})

t.test('who has a socket is asked for it without being taken for a service', async () => {
  const { bootstrap } = await t.testnet()
  const at = fresh('socket')
  let clients = 0
  const service = await t.service((socket) => { clients++; socket.end() }, { path: at })
  const file = config(bootstrap, connecting(KEY, ['0', `unix:${at}`]))
  const up = t.hsfwd(['up', '-c', file.name, '--json'])
  await up.event('error')
  await service.stop()
  await up.event('ready', { matches: (e) => e.listen === `unix:${at}` })
  t.equal(clients, 0, 'clients of the service')
})

t.test('~ and relative paths mean the same wherever there is a path', async () => {
  const network = await t.testnet()
  const home = fresh('home of ann')
  const beside = path.join(home, 'beside')
  fs.mkdirSync(beside, { recursive: true })
  const options = { env: { HOME: home, XDG_RUNTIME_DIR: home } }
  await t.service((socket) => socket.end('home'), { path: path.join(home, 'd.sock') })
  await t.service((socket) => socket.end('folder'), { path: path.join(beside, 'd.sock') })

  fs.writeFileSync(path.join(beside, 'a.toml'), `identity = "~/ids/a"\nbootstrap = "${network.bootstrap}"\n` +
    exposing(['home=unix:~/d.sock', 'folder=unix:d.sock']))
  const file = ['-c', '~/beside/a.toml']
  const checked = await t.run(['check', ...file], options)
  t.equal(checked.code, 0, checked.stderr)
  const server = t.hsfwd(['up', ...file, '--json', '--socket', '~/control'], options)
  const { key } = await server.event('listening')
  t.ok(fs.existsSync(path.join(home, 'ids/a')) && fs.existsSync(path.join(home, 'control')), 'identity and control socket')
  const status = await t.run(['status', '--socket', '~/control', '--json'], options)
  t.equal(status.program.events[0].key, key, `status: ${status.stderr}`)
  t.equal((await t.run(['keygen', '--identity', '~/ids/a'], options)).stdout, `${key}\n`, 'the identity on the command line')

  fs.writeFileSync(path.join(home, 'key'), key)
  const client = t.hsfwd(['connect', '@~/key', '-L', 'unix:~/home.sock:home', '-L', 'unix:~/folder.sock:folder',
    '--identity', '~/ids/client', '--bootstrap', network.bootstrap, '--json'], options)
  await client.event('ready')
  t.equal(await greeting({ path: path.join(home, 'home.sock') }), 'home', 'the socket at home')
  t.equal(await greeting({ path: path.join(home, 'folder.sock') }), 'folder', 'the socket beside the file')
  t.equal((await t.run(['lookup', '@~/key', '--bootstrap', network.bootstrap], options)).code, 0, 'lookup')

  const more = [`unix:listen.sock:home`, `unix:~/listen.sock:folder`]
  fs.writeFileSync(path.join(beside, 'b.toml'), `identity = "id-b"\nbootstrap = "${network.bootstrap}"\n` +
    `[peer.a]\nkey_file = "../key"\n` + connecting('a', more))
  const other = t.hsfwd(['up', '-c', path.relative(process.cwd(), path.join(beside, 'b.toml')), '--json'], options)
  for (const socket of [path.join(beside, 'listen.sock'), path.join(home, 'listen.sock')]) {
    await other.event('ready', { matches: (e) => e.listen === `unix:${socket}` })
  }
  t.equal(await greeting({ path: path.join(beside, 'listen.sock') }), 'home', 'beside the file')
  t.equal(await greeting({ path: path.join(home, 'listen.sock') }), 'folder', 'at home')
})

t.test('variables and other people\'s homes in a path are refused, before anything is made', async () => {
  const home = fresh('home')
  fs.mkdirSync(home)
  const options = { env: { HOME: home } }
  const good = config('127.0.0.1:1', exposing(['1']))
  for (const bad of ['$HOME/x', '${HOME}/x', '~nobody/x']) {
    const cases = [
      ['expose', `a=unix:${bad}`], ['expose', '1', '--identity', bad], ['expose', '1', '--allow', `@${bad}`],
      ['connect', KEY, '-L', `unix:${bad}`], ['connect', `@${bad}`, '-L', '0'], ['pipe', `@${bad}`],
      ['keygen', '--identity', bad], ['up', '-c', bad], ['check', '-c', bad], ['status', '-c', bad], ['down', '--socket', bad],
      ['up', '-c', good.name, '--socket', bad]
    ]
    for (const args of cases) {
      const { code, stderr } = await t.run(args, options)
      t.equal(code, 2, `exit code of ${args.join(' ')}: ${stderr}`)
      t.ok(stderr.includes(`the path '${bad}' `), stderr)
      t.equal(lines(stderr).length, 1, `one line: ${stderr}`)
    }
    const files = [[`identity = "${bad}"\n${exposing(['1'])}`, 1], [exposing([`a=unix:${bad}`]), 2], [connecting(KEY, [`unix:${bad}`]), 3],
      [`[[expose]]\nservices = "1"\nidentity = "${bad}"\n`, 3], [`[peer.a]\nkey_file = "${bad}"\n`, 2]]
    for (const [text, line] of files) {
      const name = fresh('bad')
      fs.writeFileSync(name, text)
      for (const command of ['check', 'up']) {
        const { code, stderr } = await t.run([command, '-c', name], options)
        t.equal(code, 78, `exit code of ${command}: ${stderr}`)
        t.ok(stderr.startsWith(`hsfwd: ${name}:${line}: `) && stderr.includes(`the path '${bad}' `), stderr)
      }
    }
  }
  for (const args of [['up', '-c', ''], ['check', '-c', ''], ['down', '--socket', ''], ['pipe', '@']]) {
    const { code, stderr } = await t.run(args, options)
    t.equal(`${code} ${stderr.includes('the path is empty')}`, '2 true', `${args.join(' ')}: ${stderr}`)
  }
  t.equal(fs.readdirSync(home).join(), '', 'what was made at home')
  t.ok(!fs.existsSync('$HOME') && !fs.existsSync('${HOME}'), 'folders with such names')
})

/** Runs it as somebody whom permissions hold. */
async function heldByPermissions (args) {
  const without = process.getuid() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--'] : []
  const [program, ...words] = [...without, t.BINARY, ...args]
  const run = new t.Program(program, words)
  await t.within(20000, `${args.join(' ')} to end`, run.exited)
  return { code: run.code, stderr: run.stderr }
}

t.test('a file that is missing, one that may not be read, and a folder are three things', async () => {
  const [missing, unreadable, folder] = [fresh('missing'), fresh('unreadable'), fresh('folder')]
  fs.writeFileSync(unreadable, `${KEY}\n`, { mode: 0 })
  fs.mkdirSync(folder)
  const inFile = (text) => {
    const name = fresh('config')
    fs.writeFileSync(name, text)
    return ['check', '-c', name]
  }
  const uses = {
    'the configuration': (file) => ['check', '-c', file],
    'that of up': (file) => ['up', '-c', file],
    '@FILE': (file) => ['pipe', `@${file}`],
    'an allowed @FILE': (file) => ['expose', '1', '--allow', `@${file}`],
    'a key file': (file) => inFile(`[peer.a]\nkey_file = "${file}"\n`),
    'an identity': (file) => ['keygen', '--identity', file],
    'that of a configuration': (file) => inFile(`identity = "${file}"\n${exposing(['1'])}`)
  }
  for (const [what, args] of Object.entries(uses)) {
    // Where there is no identity yet, one is made.
    const cases = [[unreadable, /cannot be read: Permission denied/], [folder, /is a directory/]]
    if (!what.includes('identity') && what !== 'that of a configuration') cases.push([missing, /there is no such file|does not exist/])
    for (const [file, says] of cases) {
      const { code, stderr } = await heldByPermissions(args(file))
      t.equal(code, 78, `exit code with ${what} ${file}: ${stderr}`)
      t.ok(stderr.includes(file) && says.test(stderr), `${what} ${file} says ${says}: ${stderr}`)
      t.equal(lines(stderr).length, 1, `one line: ${stderr}`)
    }
  }
  const { stderr } = await heldByPermissions(['keygen', '--identity', `${unreadable}/x`])
  t.ok(stderr.includes('cannot be read: Not a directory'), stderr)
})

t.test('typographic quotes are named, with their line', async () => {
  const name = fresh('config')
  fs.writeFileSync(name, `identity = "/x"\n[[expose]]\nservices = [“22”]\n`)
  for (const command of ['check', 'up']) {
    const { code, stderr } = await t.run([command, '-c', name])
    t.equal(code, 78, 'exit code')
    t.equal(stderr, `hsfwd: ${name}:3: “ is a typographic quote, which TOML does not know; write " or '\n`, 'what it says')
  }
})

t.test('connect and expose without descriptors say so once, with the number, and once when there are some again', async () => {
  const s = await greeted()
  const echo = await t.service((socket) => socket.pipe(socket))
  const limited = (args) => new t.Program('prlimit', ['--nofile=48:48', '--', t.BINARY, ...args])
  const server = limited(['expose', `echo=${echo.port}`, '--identity', fresh('identity'), '--bootstrap', s.network.bootstrap, '--json'])
  const { publicKey } = await server.event('listening')
  const client = t.hsfwd(['connect', publicKey, '-L', '0', ...s.more, '--json'])
  const small = limited(['connect', s.publicKey, '-L', '0', ...s.more, '--json'])
  const says = /error +files: new connections wait or fail: this process has all of its 48 open files in use; .*ulimit -n.*LimitNOFILE/g
  const again = /warning +files: open files are available for new connections again/g
  for (const [program, to] of [[small, small], [server, client]]) {
    const port = Number((await to.event('ready')).listen.split(':')[1])
    const sockets = []
    await t.until(async () => {
      t.ok(sockets.length < 400, `${program.name} says that it has no descriptors: ${program.stderr}`)
      // One that is refused may be so before Node has noticed that it is connected.
      const socket = await t.connect(port).catch(() => null)
      if (socket) sockets.push(socket)
      return program.stderr.match(says)
    }, `${program.name} to say that it has no descriptors: ${program.stderr}`)
    for (const socket of sockets) socket.destroy()
    await t.until(() => program.stderr.match(again), `${program.name} to say that it has some again`)
    t.equal(program.stderr.match(says).length, 1, `once: ${program.stderr}`)
    t.equal(program.stderr.match(again).length, 1, `once again: ${program.stderr}`)
  }
})

const bits = (file) => (fs.statSync(file).mode & 0o777).toString(8)

t.test('mode and group of a socket that is listened on', async () => {
  const s = await greeted()
  const group = process.getuid() === 0 ? 54321 : process.getgid()
  const open = (words, at) => new t.Program('/bin/sh', ['-c', 'umask 0; exec "$0" "$@"', t.BINARY, 'connect', s.publicKey,
    '-L', `unix:${at}:hello`, ...words, ...s.more, '--json'])
  for (const [words, mode, gid] of [
    [['--socket-mode', '0600'], '600', process.getgid()],
    [['--socket-mode', '662', '--socket-group', String(group)], '662', group],
    [['--socket-group', String(group)], '660', group],
    [[], '777', process.getgid()]
  ]) {
    const at = fresh('socket')
    const connect = open(words, at)
    await connect.event('ready')
    t.equal(bits(at), mode, `mode with ${words.join(' ')}`)
    t.equal(fs.statSync(at).gid, gid, `group with ${words.join(' ')}`)
    t.equal(await greeting({ path: at }), 'hello', 'through the socket')
    await connect.kill()
    t.ok(!fs.existsSync(at), 'the socket goes with the program')
  }

  const at = fresh('socket')
  const listening = (mode) => connecting(s.publicKey, [`unix:${at}:hello`, '0'], `socket_mode = "${mode}"\nsocket_group = "${group}"\n`)
  const file = config(s.network.bootstrap, listening('0640'))
  const up = t.hsfwd(['up', '-c', file.name, '--json'])
  await up.event('ready', { matches: (e) => e.listen === `unix:${at}` })
  t.equal(`${bits(at)} ${fs.statSync(at).gid}`, `640 ${group}`, 'those of a file')
  file.write(listening('0660'))
  const refused = await ask('reload', file)
  t.equal(`${refused.code} ${refused.message.includes(`unix:${at}`)}`, 'RESTART_NEEDED true', refused.message)
  t.equal(bits(at), '640', 'nothing is changed')
})

t.test('a group that this user has no part in: no socket, and no more open one', async () => {
  const s = await greeted()
  const without = process.getuid() === 0 ? ['setpriv', '--bounding-set', '-chown', '--'] : []
  const run = (args) => {
    const [program, ...words] = [...without, t.BINARY, ...args]
    return new t.Program(program, words)
  }
  const at = fresh('socket')
  const connect = run(['connect', KEY, '-L', `unix:${at}`, '--socket-group', '54321', ...s.more])
  t.equal(await t.within(20000, 'connect to end', connect.exited), 1, 'exit code')
  const says = `unix:${at}`
  t.ok(connect.stderr.includes(says) && connect.stderr.includes('group 54321, of which it is not a member'), connect.stderr)
  t.ok(!fs.existsSync(at), 'no socket')
  const file = config(s.network.bootstrap, connecting(s.publicKey, [`unix:${at}`], 'socket_group = "54321"\n') + connecting(s.publicKey, ['0']))
  const up = run(['up', '-c', file.name, '--json'])
  t.ok(/not a member; trying again/.test((await up.event('error')).message), up.stderr)
  await up.event('ready')
  t.ok(!fs.existsSync(at), 'no socket of up')
})

t.test('modes and groups that make no sense', async () => {
  const nowhere = `unix:${fresh('never-listened')}`
  const socket = ['connect', KEY, '-L', nowhere, '--identity', fresh('never-made')]
  for (const [args, says] of [
    ...['999', '0o660', '4755', '66', '', 'u=rw', '-660'].map((mode) => [[...socket, '--socket-mode=' + mode], /is not a valid socket mode|--socket-mode/]),
    [[...socket, '--socket-group', 'no such'], /there is no group 'no such'/],
    [['connect', KEY, '-L', '0', '--socket-mode', '0660'], /--socket-mode applies to unix sockets, and no -L is one/]
  ]) {
    const { code, stderr } = await t.run(args)
    t.equal(code, 2, `exit code of ${args.join(' ')}: ${stderr}`)
    t.ok(says.test(stderr), stderr)
  }
  for (const [listen, more, says] of [
    [nowhere, 'socket_mode = "0999"', /:6: socket_mode: '0999' is not a valid socket mode/],
    [nowhere, 'socket_mode = 432', /:6: 'socket_mode' in \[\[connect\]\] must be a string/],
    [nowhere, 'socket_group = "no such"', /:6: socket_group: there is no group 'no such'/],
    ['0', 'socket_group = "0"', /:6: socket_group applies to unix sockets, and listen has none/]
  ]) {
    const file = config('127.0.0.1:1', connecting(KEY, [listen], more))
    for (const command of ['check', 'up']) {
      const { code, stderr } = await t.run([command, '-c', file.name])
      t.equal(code, 78, `exit code: ${stderr}`)
      t.ok(says.test(stderr), stderr)
    }
  }
})

t.test('up of standard input: what is relative counts from the working directory, and nothing is read again', async () => {
  const network = await t.testnet()
  const folder = fresh('folder')
  fs.mkdirSync(folder)
  const control = path.join(folder, 'control')
  const start = (text, words) => {
    const up = new t.Program('/bin/sh', ['-c', 'cd "$0" && exec "$@"', folder, t.BINARY, 'up', '-c', '-', '--json', ...words], { stdin: 'pipe' })
    up.child.stdin.end(text)
    return up
  }
  await t.service((socket) => socket.end('beside'), { path: path.join(folder, 'd.sock') })
  const text = (name) => `identity = "${name}"\nbootstrap = "${network.bootstrap}"\n${exposing(['d=unix:d.sock'])}`
  const up = start(text('id'), ['--socket', control])
  const other = start(text('other'), [])
  const { publicKey } = await up.event('listening')
  await other.event('listening')
  t.ok(fs.existsSync(path.join(folder, 'id')), 'its identity')
  const pipe = await t.run(['pipe', publicKey, '--bootstrap', network.bootstrap, '--name', 'client'], { input: '' })
  t.equal(pipe.stdout, 'beside', `the service: ${pipe.stderr}`)

  const status = await t.run(['status', '--socket', control, '--json'])
  t.equal(status.program.events[0].config, 'standard input', 'the file in the status')
  const reload = await t.run(['reload', '--socket', control])
  t.equal(reload.code, 1, 'exit code of reload')
  t.ok(/standard input and cannot be read again; nothing was changed/.test(reload.stderr), reload.stderr)
  for (const program of [up, other]) {
    program.child.kill('SIGHUP')
    await program.event('error', { matches: (e) => e.code === 'NOT_RELOADABLE' })
  }
  const asked = await t.run(['status', '-c', '-'])
  t.equal(`${asked.code} ${asked.stderr.includes('--socket PATH')}`, '2 true', asked.stderr)
  t.equal((await t.run(['down', '--socket', control])).code, 0, 'down')

  for (const command of ['check', 'up']) {
    const bad = await t.run([command, '-c', '-'], { input: 'x = 1\n' })
    t.equal(bad.code, 78, 'exit code')
    t.ok(bad.stderr.startsWith("hsfwd: standard input:1: unknown key 'x'"), bad.stderr)
  }
  const good = await t.run(['check', '-c', '-'], { input: text(fresh('identity')) })
  t.equal(good.code, 0, good.stderr)
})
