/** A lively place for pictures: people, groups, and what they said when. */

import type { Page } from '@playwright/test';
import type { Api } from '../../../sdk/typescript/src/index.js';
import { register, rest } from '../../../sdk/typescript/test/support/rest.js';

export type Language = 'en' | 'zh';

/** It is always this time in a picture. */
export const NOW = new Date('2026-05-13T14:32:00');

/** Who said what, how many minutes ago; a text that begins with `picture` is one. */
type Line = readonly [who: string, minutesAgo: number, text: string];

interface Scene {
  names: Record<string, string>;
  hike: { name: string; introduction: string; lines: Line[] };
  team: { name: string; lines: Line[] };
  alone: Record<string, Line[]>;
}

const SCENES: Record<Language, Scene> = {
  en: {
    names: { alice: 'Alice', ben: 'Ben Okafor', chloe: 'Chloé Dubois', dan: 'Dan Larsen', emi: 'Emi Tanaka', lin: '林晓' },
    hike: {
      name: 'Sunday hike',
      introduction: 'Two boots, one sandwich, no hurry.',
      lines: [
        ['chloe', 1_450, 'Forecast says sun from ten. The lake is on!'],
        ['ben', 1_446, 'I am in. Who has room in the car?'],
        ['emi', 1_441, 'I can take three, if nobody minds my singing'],
        ['alice', 41, 'I will bring coffee and the good biscuits ☕'],
        ['chloe', 38, 'This was the view last year:'],
        ['chloe', 38, 'picture'],
        ['ben', 36, 'Oh wow. OK, I am charging the camera tonight.'],
        ['lin', 31, '我也来！几点集合？'],
        ['chloe', 29, 'Half past eight at the station, platform 2. Timetable: https://trains.example/sunday'],
        ['alice', 27, 'Perfect, see you all there'],
        ['alice', 27, 'And Emi: please do sing 🎶'],
      ],
    },
    team: { name: 'Release crew', lines: [['dan', 190, 'Build is green, notes are in review'], ['emi', 172, 'Tagged it. Shipping at four.']] },
    alone: {
      ben: [['alice', 64, 'Do you still have my tent?'], ['ben', 58, 'Yes! And your torch.'], ['ben', 57, 'I can drop both off tomorrow']],
      emi: [['emi', 320, 'Thank you for yesterday, that was fun']],
      lin: [['lin', 95, '周末的照片我整理好了'], ['lin', 94, 'I will send you the album'], ['alice', 90, '太好了，谢谢！']],
      dan: [['dan', 2_900, 'Lunch on Thursday?'], ['alice', 2_890, 'Yes, gladly']],
    },
  },
  zh: {
    names: { alice: '陈静', ben: '王小明', chloe: '李思雨', dan: '赵磊', emi: '田中惠美', lin: 'Linda Berg' },
    hike: {
      name: '周日爬山',
      introduction: '不赶时间，慢慢走。',
      lines: [
        ['chloe', 1_450, '天气预报说十点以后出太阳，湖边可以去了！'],
        ['ben', 1_446, '算我一个。谁的车还有位子？'],
        ['emi', 1_441, '我可以带三个人，只要大家不介意我唱歌'],
        ['alice', 41, '我带咖啡和饼干 ☕'],
        ['chloe', 38, '去年的风景是这样的：'],
        ['chloe', 38, 'picture'],
        ['ben', 36, '太美了，今晚就给相机充电。'],
        ['lin', 31, 'Count me in! When do we meet?'],
        ['chloe', 29, '八点半，火车站二号站台。时刻表：https://trains.example/sunday'],
        ['alice', 27, '好的，到时候见'],
        ['alice', 27, '惠美，一定要唱哦 🎶'],
      ],
    },
    team: { name: '发布小组', lines: [['dan', 190, '构建通过了，说明还在审'], ['emi', 172, '已经打好标签，四点发布。']] },
    alone: {
      ben: [['alice', 64, '我的帐篷还在你那里吗？'], ['ben', 58, '在的，还有手电筒。'], ['ben', 57, '明天一起带给你']],
      emi: [['emi', 320, '昨天谢谢你，玩得很开心']],
      lin: [['lin', 95, 'The photos are sorted'], ['lin', 94, '我把相册发给你'], ['alice', 90, '太好了，谢谢！']],
      dan: [['dan', 2_900, '周四一起吃午饭？'], ['alice', 2_890, '好啊']],
    },
  },
};

/** What is in the server afterwards. */
export interface Built {
  hike: string;
  chloe: Api;
  /** How many minutes ago the last thing was said in each conversation. */
  ages: Map<string, number>;
}

/** Fills a server; `picture` is the address of the picture that is shown. */
export async function build(url: string, language: Language, picture: string): Promise<Built> {
  const scene = SCENES[language];
  const people: Record<string, Api> = {};
  for (const [user_id, nickname] of Object.entries(scene.names)) {
    await register(url, user_id, nickname);
    people[user_id] = await rest(url, user_id);
  }
  const of = (user_id: string): Api => {
    const found = people[user_id];
    if (!found) throw new Error(`nobody is ${user_id}`);
    return found;
  };
  const ages = new Map<string, number>();
  const say = async ([who, minutesAgo, text]: Line, to: { group_id: string } | { recv_id: string }): Promise<void> => {
    const session_type = 'group_id' in to ? 2 : 1;
    const image = { image_url: `${picture}?for=${minutesAgo}`, image_width: 640, image_height: 400 };
    const what = text === 'picture' ? { msg_type: 2 as const, content: image } : { msg_type: 1 as const, content: { text } };
    const client_msg_id = `${minutesAgo}/${crypto.randomUUID()}`;
    const { conversation_id } = await of(who).send({ client_msg_id, ...to, session_type, ...what });
    ages.set(conversation_id, minutesAgo);
  };
  for (const [peer, lines] of Object.entries(scene.alone)) {
    for (const line of lines) await say(line, { recv_id: line[0] === 'alice' ? peer : 'alice' });
  }
  const team = await of('dan').createGroup({ name: scene.team.name, member_ids: ['alice', 'emi'] });
  for (const line of scene.team.lines) await say(line, { group_id: team.id });
  const { name, introduction } = scene.hike;
  const hike = await of('chloe').createGroup({ name, introduction, member_ids: ['alice', 'ben', 'emi', 'lin', 'dan'] });
  await of('chloe').setRole(hike.id, 'alice', 2);
  for (const line of scene.hike.lines) await say(line, { group_id: hike.id });
  const [alice, chloe] = [of('alice'), of('chloe')];
  // All but two conversations were read.
  for (const { conversation_id, max_seq } of (await alice.conversations()).items) {
    if (!/:ben$|:emi$/.test(conversation_id)) await alice.markRead(conversation_id, max_seq);
  }
  await alice.updateConversation(`sg_${hike.id}`, { is_pinned: true });
  await alice.updateConversation(`sg_${team.id}`, { recv_msg_opt: 1 });
  return { hike: hike.id, chloe, ages };
}

/** Shows things at the times of the scene: the server knows only that all was said just now. */
export async function atTheTimes(page: Page, ages: Built['ages']): Promise<void> {
  const ago = (minutes: number): number => NOW.getTime() - minutes * 60_000;
  await page.clock.setFixedTime(NOW);
  await page.route(/\/msg\/pull|\/conversation\/(list|info)/, async (route) => {
    const answer = await route.fetch();
    const body = (await answer.json()) as { data: unknown };
    const { messages } = (body.data ?? {}) as { messages?: { client_msg_id: string; send_at: number }[] };
    for (const message of messages ?? []) message.send_at = ago(Number(/^(\d+)\//.exec(message.client_msg_id)?.[1] ?? 0));
    const conversations = [body.data].flat() as { conversation_id?: string; updated_at: number }[];
    for (const one of conversations) if (one?.conversation_id) one.updated_at = ago(ages.get(one.conversation_id) ?? 0);
    await route.fulfill({ response: answer, json: body });
  });
}
