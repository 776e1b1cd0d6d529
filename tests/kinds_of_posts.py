"""Posts of every kind that somebody may bring, made from a seed: short, long, in other languages and scripts.

Nobody wrote them and nobody is meant: a night watch in a museum of buttons, a baker on a comet, a station master
where no train stops, the keeper of a clock in a city that is on no map. `written` gives the posts of a kind.
"""

import random
import re
from collections.abc import Callable, Iterator

Grammar = dict[str, list[str]]
Post = tuple[str, str]  # the text, and the language that its platform found in it

_SLOT = re.compile(r"\{(\w+)\}")


def _grammar(rules: str) -> Grammar:
    """One rule a line, its choices between bars: `thing: a lamp | the fog`; a bar that begins one goes on."""
    lines = rules.strip().replace("\n|", " |").splitlines()
    split = (line.split(":", 1) for line in lines)
    return {name: [choice.strip() for choice in choices.split("|")] for name, choices in split}


_ENGLISH = _grammar("""
post: {said} | {said} {said} | {said} {remark} | {remark} {said} | {said} {said} {remark} | {said} {said} {said}
said: {Thing} {did} {other} {when}. | {When}, {thing} {did} {other} {where}.
| I found {other} {where} and {thought}. | {Visitor} asked me why {thing} {did} {other}, and {thought}.
| Nobody {did} {other} {where}, so {thought}. | {Thing} {where} is {how} {when}.
| My report for {room}: {thing} is {how}, {other} is {how}. | Why is {thing} so {how} {when}?
| {Visitor} left {other} {where}; {thing} is {how} about it. | Counted {number} {kinds} {where} {when}.
| {Number} {kinds} are missing, and {thing} {did} {other}. | I would give {number} {kinds} for {other} {when}.
| {Room} smells of {smell} {when}, and {thought}.
thing: the brass button | the old toggle | my torch | the cloakroom door | the glass case | our curator
| the night bus | the spare key | a pearl button | the admiral's coat | the drawer of lost zips | the radiator
| the ticket machine | the cat of the museum | the longest thread | a wooden peg | the silent alarm
| the guest book | the velvet rope
other: a jar of hooks | the horn button | its own shadow | the queen's second cuff
| an umbrella without a handle | the lost property list | a single sequin | the whole shelf | my sandwich
| the label of case nine | a needle | the visitor from Tuesday | a coat with no holes | the tin of beeswax
| yesterday's dust | the upper staircase
did: polished | forgot | hid | outlived | borrowed | sewed up | admired | refused | swallowed | counted
| misplaced | insulted | forgave | followed | photographed | bit | painted over | guarded | unbuttoned | mistook
when: tonight | before the first bus | at a quarter past three | since the thunder | all through the storm
| again | on my birthday | for the ninth time | while I made tea | after the schoolchildren left
| in broad moonlight
where: in the cellar | behind the Danish wing | under the stairs | beside case forty | next to the boiler
| up in the attic | among the cufflinks | in my left pocket | on the landing | near the gift shop
| between two uniforms | at the back door
how: crooked | proud | lonely | rounder than ever | out of tune | almost asleep | suspicious | waterproof
| in a mood | quite blue | older than the building | delighted | cold | ready to resign | a little magnetic
| loose
thought: I wrote it down | nobody believed me | I laughed until the alarm rang | that is how wars begin
| the cat saw everything | I kept the receipt | it will be in the minutes | I blame the moths | we shook hands
| that explains the noise | I sat down for a while | the director must never know
Visitor: A child | A retired tailor | The plumber | Some professor | A bride | The postman | A sailor on leave
remark: No further questions. | I love this job. | Four holes out of four. | Somebody call a tailor!
| Typical Tuesday. | The moths deny it. | More tea, then. | Send thread. | I am not paid enough for this.
| History will judge us.
number: three | eleven | forty | two hundred | seven | nineteen | ninety | a dozen
kinds: zips | collars | brass eyelets | coat hooks | thimbles | shirt studs | buckles | ribbons | silver snaps
room: the cellar | the Danish wing | the attic | the gift shop | the cloakroom | the reading room
smell: camphor | wet wool | oranges | old rain | candle wax | toast
""")
_SPANISH = _grammar("""
post: {dicho} | {dicho} {dicho} | {dicho} {coda} | {coda} {dicho} | {dicho} {dicho} {coda}
dicho: {Cosa} {hizo} {otra} {cuando}. | {Cuando}, {cosa} {hizo} {otra} {donde}.
| Encontré {otra} {donde} y {idea}. | ¿Por qué {cosa} {hizo} {otra} {cuando}?
| Nadie {hizo} {otra} {donde}, así que {idea}. | ¡Hoy {cosa} está {como}!
| {Cosa} {donde} sigue {como} {cuando}. | El cliente de las seis pidió {otra} y {idea}.
| Me quedan {tantos} {panes} {donde}. | Cambio {tantos} {panes} por {otra}.
| Dice la luna que {cosa} {hizo} {otra}, y {idea}.
cosa: el horno | la masa madre | mi delantal | la cola del cometa | el rodillo | la harina | el reloj de arena
| la vecina | el polvo de estrellas | la bandeja | un panadero viejo | la nevera | el gato del molino
| la campana | el repartidor
otra: la luna llena | un croissant sin nombre | la receta de la abuela | mi turno de noche | una miga muy seria
| el azúcar de Saturno | la lista de pedidos | un saco vacío | la mermelada de ayer | el mostrador | una galleta
hizo: quemó | olvidó | amasó | escondió | perdonó | vendió | mordió | saludó | perdió | despertó | celebró
| pesó | siguió
cuando: esta noche | antes del alba | otra vez | desde el martes | a las tres en punto | durante el eclipse
| sin querer | cuando nadie mira | por tercera vez | mientras sube la masa | en mi cumpleaños
donde: detrás del horno | en la trastienda | bajo el mostrador | junto a la ventana | entre dos planetas
| en el patio | sobre la mesa de mármol | al final de la cola | en la cara oculta | dentro del cajón
como: dormido del todo | de mal humor | más redondo que nunca | lleno de harina | casi feliz | fuera de servicio
idea: lo apunté todo | nadie me cree | tuve que reírme | así empiezan las guerras | el gato lo vio
| me senté un rato | volví a empezar | eso lo explica todo | pienso cobrarlo | no hay más que hablar
coda: Qué vida esta. | Viva el pan. | Más harina, por favor. | Sin comentarios. | Mañana será otro cometa.
| Huele a gloria.
tantos: tres | once | cuarenta | siete | doscientos | diecinueve | unos pocos
panes: bollos | panecillos | bizcochos | barras | roscas de anís | hojaldres
""")
_JAPANESE = _grammar("""
post: {文}。 | {文}。{文}。 | {文}。{感} | {感}{文}。 | {文}{笑} | {文}。{文}。{感} | {文}\uff1f | {文}\uff01
文: {時}、{物}が{所}で{他}を{した} | {所}に{他}があった | {物}は{今日}{様} | {時}、{他}を{した}
| {客}が{他}を{した}そうだ | {物}と{他}の話をした | {所}の{物}がまた{様} | {数}{他}を{した}のは{物}だった
| {客}に{物}のことを聞かれた | {時}から{物}が{様} | 誰も{他}を{した}ことがない
物: 古い時計 | 終点の看板 | 駅の猫 | 切符売り場 | 私の帽子 | 貨物列車 | 待合室の椅子 | 銀色の線路 | 改札口 | 旗
| 遠い汽笛 | 屋根の雪 | 青いランプ | 手紙の束 | 三番線
他: 忘れ物の傘 | 温かいお茶 | 霧の地図 | 半分の切符 | 知らない歌 | 隣町の噂 | 黒い鞄 | 空の弁当箱 | 月の写真
| 長い影 | 昨日の新聞 | 小さな鍵 | 駅長の日記
した: 数えた | 磨いた | 忘れた | 隠した | 拾った | 描いた | 待った | 食べた | 見送った | 笑った | 直した
| 読んだ
時: 夜明け前 | 霧の朝 | 三時ちょうど | 雨のあと | 終電のころ | 雪の晩 | 昼休み | 祭りの日 | 今夜 | 夕方
所: 一番ホーム | 待合室 | 線路のそば | 階段の下 | 橋の上 | 倉庫 | 駅前の広場 | 屋根裏 | トンネルの奥 | 売店
今日: 今日も | ずっと | なぜか | 少し | 今夜だけ | やっぱり
様: 静かだ | 眠そうだ | 遅れている | 光っている | 寂しい | ご機嫌だ | 曲がっている | 重い | 優しい | 真っ青だ
客: 旅の学者 | 隣の婆さん | 小学生 | 郵便屋さん | 迷子の犬 | 新しい駅員 | 月から来た客
感: 以上、報告おわり。 | 平和な駅です。 | お茶にしよう。 | 列車はまだ来ない。 | 困ったものだ。
| 明日も晴れるかな。
笑: 笑 | …… | \uff01 | なあ | よね
数: 三つの | 七つの | 百の | たくさんの | いくつかの
""")
_ARABIC = _grammar("""
post: {قول}. | {قول}. {قول}. | {قول}. {ختام} | {ختام} {قول}. | {قول}! | {قول}. {قول}. {ختام}
| لماذا {فعل} {شيء} {آخر}؟
قول: {فعل} {شيء} {آخر} {متى} | {متى} {فعل} {شيء} {آخر} {أين} | وجدت {آخر} {أين} و{فكرة}
| {شيء} {أين} {حال} {متى} | سألني {زائر} عن {آخر}، و{فكرة} | لا أحد يعرف لماذا {فعل} {شيء} {آخر}
| أكتب الآن عن {آخر} وعن {شيء} | بقي {أين} {آخر} منذ أن {فعل} {شيء} المدينة | رأيت {شيء} {متى} وهو {حال}
شيء: العقرب الكبير | حارس البرج | القط الرمادي | المصباح القديم | الجرس النحاسي | ظل الساعة | بائع الشاي
| المفتاح الصدئ | الدرج الطويل | القمر | صوت المطر | البحر البعيد | الغبار | دفتر المواعيد
آخر: نافذة المدينة | رسالة بلا عنوان | فنجان القهوة | دقيقة ضائعة | خريطة الريح | مواعيد القطار | سر الحمام
| ورقة خضراء | أغنية الميناء | كرسي جدي | حقيبة المسافر | نصف تفاحة | باب السوق
فعل: نسي | أيقظ | أخفى | حمل | انتظر | سرق | ودع | رسم | كسر | قرأ | أضاع | راقب | سبق
متى: هذا المساء | قبل الفجر | عند منتصف الليل | بعد العاصفة | منذ أسبوع | مرة أخرى | في يوم العيد | كل صباح
| وأنا نائم
أين: فوق السطح | تحت البرج | قرب النافورة | في الغرفة العليا | خلف الجدار | عند الباب الخلفي | بين السلالم
| في جيبي
حال: متأخر كعادته | هادئ جدا | غاضب قليلا | سعيد بلا سبب | نائم | بارد مثل الحديد | جميل اليوم | وحيد
فكرة: كتبت ذلك كله | لم يصدقني أحد | ضحكت طويلا | جلست أفكر | شربت الشاي وحدي | القط يعرف الحقيقة
| عدت إلى العمل
زائر: طفل صغير | أستاذ التاريخ | مسافر غريب | خباز الحي | ساعي البريد | شاعر متعب
ختام: والوقت يمضي. | هكذا تبدأ الحكايات. | لا تعليق. | الشاي أولا. | غدا يوم جديد. | سلام من البرج.
""")
_SIGNS = _grammar("""
emoji: 😂 | 🧵 | 🔘 | 🫖 | 😭 | 🐈 | 🌙 | ✨ | 🙃 | 🔦 | 💀 | 🎩 | 👀 | ❤️ | 🧥 | 🥲
| 👍🏽 | 🔥 | 🙏🏾 | 🇩🇰 | 🎉 | 😅 | 🕰️ | 🪡 | 👨\u200d👩\u200d👧 | 1️⃣
tag: #ButtonMuseum | #NightShift | #BrassLife | #LostZips | #MothWatch | #TeaTime | #CaseNine
| #museumlife | #TailorsOfTheWorld | #Thread | #WhatALoop | #unbuttoned | #buttonoftheday | #DanishWing
| #Cufflinks2031 | #holes | #sewing_at_night
""")
_SHORT = _grammar("""
post: {how} | {how} {what} | {how} {what} | {how} {what}{mark} | {how} {what} {when} | {what} {when}{mark}
| {what}{mark}
how: brass | tiny | lost | round | quiet | velvet | wet | stolen | Danish | pearl | sleepy | crooked | blue
| holy | more | rusty | famous | wooden | borrowed | forgotten | Tuesday's | midnight | spare | golden | awful
| invisible | seven
what: buttons | zips | moths | tea | thread | hooks | visitors | coats | stairs | keys | snow | buses | toggles
| lamps | sequins | sandwiches | collars | radiators | thimbles | ghosts | pockets | curators | ribbons | alarms
| needles
when: again | tonight | forever | please | upstairs | somehow | everywhere | today | twice | already | nowhere
| first
mark: . | ! | ? | ...
""")


def _from(grammar: Grammar, chance: random.Random, name: str = "post") -> str:
    """A choice of the rule, its slots filled; one with a capital that has no rule of its own begins with one."""

    def filled(slot: re.Match[str]) -> str:
        if slot[1] in grammar:
            return _from(grammar, chance, slot[1])
        lower = _from(grammar, chance, slot[1].lower())
        return lower[:1].upper() + lower[1:]

    return _SLOT.sub(filled, chance.choice(grammar[name]))


def _long(chance: random.Random) -> str:
    """300 to 4,000 characters, in paragraphs."""
    length, paragraphs = chance.randint(300, 3_800), [_from(_ENGLISH, chance)]
    while sum(map(len, paragraphs)) < length:
        mark = chance.choice((" ", " ", " ", "\n\n"))
        paragraphs.append(mark + _from(_ENGLISH, chance))
    return "".join(paragraphs)[:4_000]


def _with_emoji(chance: random.Random) -> str:
    words = _from(_ENGLISH, chance, "said").split()
    for _ in range(chance.randint(2, 4)):
        words.insert(
            chance.randint(1, len(words)), "".join(chance.choices(_SIGNS["emoji"], k=chance.randint(1, 3)))
        )
    return f"{' '.join(words)} {chance.choice(_SIGNS['emoji']) * chance.randint(1, 4)}"


def _with_hashtags(chance: random.Random) -> str:
    tags = chance.sample(_SIGNS["tag"], chance.randint(3, 6))
    return f"{tags[0]} {_from(_ENGLISH, chance, 'said')} {' '.join(tags[1:])}"


def _two_languages(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return _from(chance.choice((_ENGLISH, _SPANISH)), chance)
    return f"{_from(_SPANISH, chance, 'dicho')} {_from(_ENGLISH, chance, 'said')}"


_KINDS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "english": ("en", lambda chance: _from(_ENGLISH, chance)),
    "long": ("en", _long),
    "short": ("en", lambda chance: _from(_SHORT, chance).capitalize()),
    "spanish": ("es", lambda chance: _from(_SPANISH, chance)),
    "japanese": ("ja", lambda chance: _from(_JAPANESE, chance)),
    "arabic": ("ar", lambda chance: _from(_ARABIC, chance)),
    "emoji": ("en", _with_emoji),
    "hashtags": ("en", _with_hashtags),
    "capitals": ("en", lambda chance: _from(_ENGLISH, chance).upper()),
    "two languages": ("es", _two_languages),
}
KINDS = tuple(_KINDS)


def written(kind: str, count: int, seed: int = 0) -> list[Post]:
    """`count` different posts of a kind, the same for the same seed."""
    language, write = _KINDS[kind]
    chance = random.Random(f"{kind} {seed}")

    def endless() -> Iterator[str]:
        while True:
            yield write(chance)

    found: dict[str, None] = {}
    for text in endless():
        found[text] = None
        if len(found) == count:
            break
    return [(text, language) for text in found]
