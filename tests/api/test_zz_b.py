from tests.api.test_fuzz import *
from tests.api.test_fuzz import bodies, who_posts, spoilt
def test_mine(world, api, caplog):
    random, everything = Random(99), bodies(world)
    programs = {name: api(name) for name in ("firm", "carrier", "second", "plant", "depot", "regulator")}
    from collections import Counter
    c=Counter()
    for path, body in everything.items():
        n=path.split("/")[-1]
        if n not in ("correct","approve","decline","withdraw","cancel","receive"): continue
        for number in range(150):
            text = json.dumps(spoilt(body, random) if number else body)
            caplog.clear()
            with transaction.atomic():
                response = programs[who_posts(path)].post(path, text)
                transaction.set_rollback(True)
            c[n,response.status_code, response.json().get("code") if response.status_code>=400 else ""]+=1
            assert response.status_code < 500, (path, number, text[:2_000], caplog.text[-3_000:])
    print(c)
