import { VirtualClock } from '@lineclear/simulator'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VirtualClock as PlainClock } from '../core/helpers.ts'

describe('VirtualClock', () => {
  test('rings timers when they are due, equal ones in the order they were set', () => {
    const clock = new VirtualClock()
    const rung: unknown[] = []
    for (const [name, ms] of [
      ['c', 20],
      ['a', 10],
      ['b', 10],
      ['d', 30],
    ] as const) {
      clock.setTimer(() => rung.push([name, clock.now()]), ms)
    }
    clock.advance(20)
    expect(rung).toEqual([
      ['a', 10],
      ['b', 10],
      ['c', 20],
    ])
    expect(clock.timers).toBe(1)
    expect(clock.nextAt).toBe(30)
    clock.ring()
    expect([clock.now(), clock.nextAt]).toEqual([30, Infinity])
    clock.ring()
    expect(clock.now()).toBe(30)
  })

  test('forgets timers that were cancelled, however many', () => {
    const clock = new VirtualClock()
    for (let i = 0; i < 10_000; i++) clock.setTimer(() => {}, 1e6)()
    expect([clock.timers, clock.nextAt]).toEqual([0, Infinity])
  })

  test('a timer cancelled twice, or after it rang, is cancelled once', () => {
    const clock = new VirtualClock()
    const cancel = clock.setTimer(() => {}, 1)
    clock.setTimer(() => {}, 2)
    clock.advance(1)
    cancel()
    cancel()
    expect(clock.timers).toBe(1)
  })

  test('never goes back', () => {
    const clock = new VirtualClock()
    clock.moveTo(10)
    clock.moveTo(5)
    expect(clock.now()).toBe(10)
  })

  const command = fc.oneof(
    { weight: 4, arbitrary: fc.record({ set: fc.integer({ min: 0, max: 50 }) }) },
    { weight: 4, arbitrary: fc.record({ cancel: fc.nat(300) }) },
    { weight: 1, arbitrary: fc.record({ advance: fc.nat(20) }) },
  )

  test('does what a plain list of timers does', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 400, size: 'max' }), (commands) => {
        const run = (clock: VirtualClock | PlainClock): unknown[] => {
          const log: unknown[] = []
          const cancels: (() => void)[] = []
          for (const [name, asked] of commands.entries()) {
            if ('set' in asked) {
              cancels.push(clock.setTimer(() => log.push([name, clock.now()]), asked.set))
            } else if ('cancel' in asked) cancels[asked.cancel % (cancels.length || 1)]?.()
            else clock.advance(asked.advance)
            log.push(clock.timers)
          }
          return log
        }
        expect(run(new VirtualClock())).toEqual(run(new PlainClock()))
      }),
    )
  })
})
