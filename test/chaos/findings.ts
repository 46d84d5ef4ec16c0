/** What is wrong, as it is found; a broken promise tends to be broken thousands of times. */
export class Findings {
  readonly list: string[] = []
  #more = 0

  add(finding: string): void {
    if (this.list.length < 10) this.list.push(finding)
    else this.#more++
  }

  get any(): boolean {
    return this.list.length > 0
  }

  toString(): string {
    return [...this.list, ...(this.#more > 0 ? [`and ${this.#more} more`] : [])].join('\n')
  }
}
