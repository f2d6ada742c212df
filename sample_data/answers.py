"""What the made-up callers are answered: support replies, code, summaries, plans, review labels.

Plain functions of a random generator; the same generator state gives the same text on any machine.
"""

from __future__ import annotations

import json
import random
import re

PRODUCTS = ["Trail 40 backpack", "Aero kettle", "Lumen desk lamp", "Nomad headphones", "Oslo chair", "Vela rain jacket"]
CITIES = ["Lisbon", "Gdańsk", "Zürich", "Kyoto", "São Paulo", "Toronto", "Nairobi", "Malmö"]
SYSTEM = "You answer customers of an online shop. Be brief, kind and exact; never promise a date you cannot see."
OPENINGS = [
    "Thanks for writing in!", "I'm sorry about the trouble.", "Good news:", "Happy to help with that.",
    "I looked into order #{order}.", "Thank you for your patience.",
]  # fmt: skip
FACTS = [
    "your {product} left our warehouse in {city} on {day} and should arrive within {few} working days.",
    "the refund of €{amount} was sent on {day}; banks usually take {few} to 5 days to show it.",
    "the {product} can be returned within 30 days, unused, with the label we e-mailed you.",
    "we can replace the {product} free of charge; please send a photo of the part that broke.",
    "the parcel is held at the pick-up point in {city}, open 9:00–18:00, until {day}.",
    'the discount code "HELLO{few}" works once per account and not on sale items.',
    "I have changed the delivery address to {city}. The carrier confirmed the change.",
    'the invoice for order #{order} is attached to your account under "Documents".',
]
MORE = [
    "If anything is missing, just reply to this message.", "You will get an e-mail as soon as it moves.",
    "No further action is needed on your side.", "Would you like me to open a claim with the carrier?",
    "Please keep the original packaging until then.", "Is there anything else I can do for you? 😊",
]  # fmt: skip
ABROAD = [
    "Vielen Dank für Ihre Nachricht! Bestellung #{order} ist unterwegs und sollte in {few} Tagen da sein.",
    "¡Gracias por escribirnos! El reembolso de {amount} € ya está en camino; tardará unos {few} días.",
    "Merci pour votre message. Votre commande #{order} sera livrée à {city} d’ici {few} jours ouvrés.",
    "お問い合わせありがとうございます。ご注文 #{order} は{few}日以内に発送いたします。",
    "您好!您的订单 #{order} 已发货,预计 {few} 天内送达。谢谢您的耐心等待 🙏",
    "شكرًا لتواصلك معنا. سيصل طلبك رقم {order} خلال {few} أيام.",
    "Дякуємо за звернення! Замовлення #{order} прибуде до міста {city} за {few} дні.",
]
CODE_TEXTS = r"""
Use a generator so that the file is never held in memory:

```python
def read(path):
    with open(path) as f:
        for line in f:
            yield json.loads(line)
```

Each `line` still ends with "\n"; `json.loads` does not mind.
---
The pattern needs an escape:

```python
re.split(r"\s*,\s*", text)
```

`\s*` takes the blanks on both sides.
---
That is a join that multiplies rows. Aggregate first:

```sql
select order_id, sum(price) as total
from items
group by order_id
```
---
Your test fails because the fixture is shared. Make it local:

```python
@pytest.fixture
def store(tmp_path):
    return Store.create(tmp_path / "store")
```
---
On Windows the path holds backslashes, so write `r"C:\logs\{few}"` or use `pathlib.Path`.
---
Add an index and look at the plan again:

```sql
create index on events (user_id, created_at desc);
```
---
`asyncio.gather` keeps the order of its arguments, so `results[{few}]` belongs to the call number {few}.
"""
CODE = CODE_TEXTS.strip().split("\n---\n")
CODE_END = ["", "\n\nRun it once with `-x` to stop at the first failure.", "\n\nShall I write the test as well?",
            "\n\nThis is O(n) and keeps the order.", "\n\nNote: Python 3.{few}1 or newer."]  # fmt: skip
POINTS = [
    "Revenue in {city} rose by {few} % against the same week last year.",
    "Returns of the {product} fell after the new packaging.",
    "Support asked for two more people on Mondays.",
    "The price of €{amount} stays until {day}.",
    "Legal wants to see the draft before {day}.",
    "Open question: who owns the {product} page?",
    "Next review: {day}, 10:00, room “{city}”.",
]
REFUSALS = [
    "I'm sorry, but I can't help with that request.",
    "I can't share another customer's address or order details.",
    "I'm unable to help with bypassing the account's security check.",
]
QUESTIONS = [
    "Where is my order #{order}?",
    "I'd like to send the {product} back, how does that work?",
    "The {product} arrived broken!! 😡 I want a refund of {amount} €",
    "Can you send it to {city} instead?",
    'Does "HELLO{few}" still work?',
    "¿Cuándo llega mi pedido {order}?",
]
LABELS = ["positive", "positive", "positive", "neutral", "negative"]


def support(rng: random.Random) -> str:
    if rng.random() < 0.15:
        return _filled(rng.choice(ABROAD), rng)
    fact = rng.choice(FACTS)
    parts = [rng.choice(OPENINGS), fact[0].upper() + fact[1:]]
    if rng.random() < 0.4:
        parts.append("Also, " + rng.choice(FACTS))
    parts.append(rng.choice(MORE))
    return _filled(" ".join(parts), rng)


def question(rng: random.Random) -> str:
    return _filled(rng.choice(QUESTIONS), rng)


def code(rng: random.Random) -> str:
    return _filled(rng.choice(CODE) + rng.choice(CODE_END), rng)


def summary(rng: random.Random) -> str:
    points = rng.sample(POINTS, rng.randint(2, 4))
    return "\n".join("- " + _filled(point, rng) for point in points)


def plan(rng: random.Random) -> str:
    """An answer that is JSON itself, as structured outputs are."""
    steps = [{"step": at + 1, "do": _filled(rng.choice(FACTS), rng)} for at in range(rng.randint(1, 3))]
    return json.dumps({"priority": rng.choice(["low", "normal", "high"]), "steps": steps}, ensure_ascii=False)


def arguments(rng: random.Random) -> tuple[str, str]:
    """A tool's name and its arguments, as text."""
    name, values = rng.choice([
        ("get_order_status", {"order_id": _order(rng)}),
        ("search_help_pages", {"query": rng.choice(PRODUCTS) + " warranty", "limit": rng.randint(3, 5)}),
        ("create_return", {"order_id": _order(rng), "reason": "damaged", "note": 'customer says: "cracked"'}),
    ])  # fmt: skip
    return name, json.dumps(values)


def tokens(text: str) -> list[str]:
    """The text in token-like pieces; joined they are the text."""
    return re.findall(r"\s?\w{1,12}|\s?[^\w\s]{1,4}|\s+", text)


def _filled(text: str, rng: random.Random) -> str:
    values = {
        "product": rng.choice(PRODUCTS),
        "city": rng.choice(CITIES),
        "order": _order(rng),
        "day": rng.choice(["Monday", "Tuesday", "Thursday", "Friday", "2 October", "19 October"]),
        "amount": f"{rng.randint(5, 240)}.{rng.randint(0, 99):02}",
        "few": str(rng.randint(2, 5)),
    }
    return re.sub(r"\{(product|city|order|day|amount|few)\}", lambda found: values[found[1]], text)


def _order(rng: random.Random) -> str:
    return f"{rng.choice('ABKT')}{rng.randint(10_000, 99_999)}"
