// Whether pieces may ride on one vehicle: the same as manifests/rounds.py will judge. Pure: no DOM.
// A piece: { waste, groups (null: nobody has said), mass_g }. Returns { mass_g, code }: heavy, reacts, unknown, or null.

export function ride(pieces, { capacity_g, pairs }) {
  const mass_g = pieces.reduce((sum, piece) => sum + piece.mass_g, 0);
  return { mass_g, code: problem(pieces, mass_g, capacity_g, pairs) };
}

function problem(pieces, mass_g, capacity_g, pairs) {
  if (capacity_g !== null && mass_g > capacity_g) return "heavy";
  const groups = new Map(pieces.map((piece) => [`${piece.waste} ${piece.groups}`, piece]));
  const kinds = [...groups.values()];
  const clash = (one, other) => pairs.some(([a, b]) => (one.has(a) && other.has(b)) || (one.has(b) && other.has(a)));
  const sets = kinds.map((kind) => new Set(kind.groups ?? []));
  for (let one = 0; one < sets.length; one++) {
    for (let other = one + 1; other < sets.length; other++) if (clash(sets[one], sets[other])) return "reacts";
  }
  const wastes = new Set(kinds.map((kind) => kind.waste));
  return wastes.size > 1 && kinds.some((kind) => kind.groups === null) ? "unknown" : null;
}
